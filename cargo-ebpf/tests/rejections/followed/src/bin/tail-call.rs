//! `tail-call` of `../programs` with its hint followed.
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
static NEXT: ProgramArray = ProgramArray::with_max_entries(1, 0);

#[inline(always)]
fn pass_on(ctx: &XdpContext) -> u32 {
    // SAFETY: the map holds programs of this type only.
    unsafe { _ = NEXT.tail_call(ctx, 0) };
    2
}

#[xdp]
pub fn dispatch(ctx: XdpContext) -> u32 {
    let header = core::hint::black_box([1u64; 40]);
    pass_on(&ctx) + header[3] as u32
}
