//! Where a result goes: a standard output that is full, closed, or a pipe that nobody reads.

use test_support::standard_output::{
    expect_error_where_nothing_can_be_written, expect_success_where_a_reader_has_seen_enough,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cargo-ebpf");

const OBJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify/objects/plain.o");

const COMMANDS: &[&[&str]] = &[
    &["--help"],
    &["verify", "--help"],
    &["--version"],
    &["man"],
    &["completions", "bash"],
    &["explain"],
    &["explain", "packet-bounds"],
    &["requirements", OBJECT],
    &["requirements", "--format", "json", OBJECT],
    &["inspect", "--disasm", OBJECT],
];

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    expect_error_where_nothing_can_be_written(PROGRAM, COMMANDS);
}

#[test]
fn a_reader_that_has_seen_enough_is_not_an_error() {
    expect_success_where_a_reader_has_seen_enough(PROGRAM, COMMANDS);
}
