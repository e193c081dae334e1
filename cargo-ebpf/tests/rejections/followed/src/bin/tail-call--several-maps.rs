//! `tail-call--several-maps` of `../programs` with its hint followed.
//@ without: CAP_PERFMON
#![no_std]
#![no_main]

use aya_ebpf::{
    macros::{map, xdp},
    maps::ProgramArray,
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[map]
static NEXT: ProgramArray = ProgramArray::with_max_entries(2, 0);

#[xdp]
pub fn dispatch(ctx: XdpContext) -> u32 {
    // SAFETY: the kernel keeps the context valid.
    let queue = unsafe { (*ctx.ctx).rx_queue_index };
    // SAFETY: the map holds programs of this type only.
    unsafe { _ = NEXT.tail_call(&ctx, queue & 1) };
    2
}
