//! A loop with very many iterations and a branch on an unknown value in each.
#![no_std]
#![no_main]

use aya_ebpf::{
    helpers::bpf_get_prandom_u32, macros::raw_tracepoint, programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn toss(_: RawTracePointContext) -> i32 { //~ ERROR jump-sequence
    let mut heads = 0;
    for _ in 0..20_000 { //~ ERROR jump-sequence
        // SAFETY: the helper has no arguments and cannot fail.
        if unsafe { bpf_get_prandom_u32() } > 1 << 31 {
            //~^ ERROR jump-sequence
            heads = core::hint::black_box(heads + 1);
        }
    }
    heads
}
//@ slow: the verifier processes a hundred thousand instructions, and logs each
