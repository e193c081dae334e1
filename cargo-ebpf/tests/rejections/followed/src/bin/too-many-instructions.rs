//! `too-many-instructions` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sum(_: RawTracePointContext) -> i32 {
    let mut sum = 0;
    for number in 0..1_000 {
        sum += core::hint::black_box(number);
    }
    sum
}
