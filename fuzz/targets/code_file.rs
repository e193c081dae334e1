//! See `lock::fuzzing::code_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lock::fuzzing::code_file(data));
