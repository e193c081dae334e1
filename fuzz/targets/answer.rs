//! See `cargo_ebpf::fuzzing::answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cargo_ebpf::fuzzing::answer(data));
