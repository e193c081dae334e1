//! See `cargo_ebpf::fuzzing::btf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cargo_ebpf::fuzzing::btf(data));
