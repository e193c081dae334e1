//! See `cargo_ebpf::fuzzing::elf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cargo_ebpf::fuzzing::elf(data));
