//! One tail call with a program array that depends on the packet.
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
static EVEN: ProgramArray = ProgramArray::with_max_entries(1, 0);
#[map]
static ODD: ProgramArray = ProgramArray::with_max_entries(1, 0);

#[xdp]
pub fn dispatch(ctx: XdpContext) -> u32 {
    // SAFETY: the kernel keeps the context valid.
    let queue = unsafe { (*ctx.ctx).rx_queue_index };
    let next = if queue & 1 == 0 { &EVEN } else { &ODD };
    // SAFETY: the maps hold programs of this type only.
    unsafe { _ = next.tail_call(&ctx, 0) }; //~ ERROR tail-call
    2
}
