//! See `lock::fuzzing::unwinding`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lock::fuzzing::unwinding(data));
