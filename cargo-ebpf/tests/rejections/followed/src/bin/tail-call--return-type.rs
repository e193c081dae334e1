//! `tail-call--return-type` of `../programs` with its hint followed.
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
static NEXT: ProgramArray = ProgramArray::with_max_entries(4, 0);

#[inline(never)]
fn pass_on(ctx: &XdpContext, index: u32) -> u32 {
    if index > 3 {
        return 1;
    }
    // SAFETY: the map holds programs of this type only.
    unsafe { _ = NEXT.tail_call(ctx, index) };
    2
}

#[xdp]
pub fn dispatch(ctx: XdpContext) -> u32 {
    // SAFETY: the kernel keeps the context valid.
    let index = unsafe { (*ctx.ctx).ingress_ifindex };
    pass_on(&ctx, index)
}
