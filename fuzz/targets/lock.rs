//! See `cargo_ebpf::fuzzing::lock`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cargo_ebpf::fuzzing::lock(data));
