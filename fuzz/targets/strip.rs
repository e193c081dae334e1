//! See `cargo_ebpf::fuzzing::strip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cargo_ebpf::fuzzing::strip(data));
