//! A loop that ends, but after more instructions than the verifier processes.
#![no_std]
#![no_main]

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sum(_: RawTracePointContext) -> i32 { //~ ERROR too-many-instructions
    let mut sum = 0;
    for number in 0..1_000_000 {
        sum += core::hint::black_box(number); //~ ERROR too-many-instructions
    } //~^^ ERROR too-many-instructions
    sum
}
//@ slow: the verifier processes a million instructions
