//! See `lock::fuzzing::debug_link`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lock::fuzzing::debug_link(data));
