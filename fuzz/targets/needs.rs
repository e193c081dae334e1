//! See `cargo_ebpf::fuzzing::needs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cargo_ebpf::fuzzing::needs(data));
