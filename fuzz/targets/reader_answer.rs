//! See `lock::fuzzing::reader_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lock::fuzzing::reader_answer(data));
