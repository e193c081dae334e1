//! See `lock::fuzzing::perf_map`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lock::fuzzing::perf_map(data));
