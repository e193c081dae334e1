//! Calls another program from a function whose caller already uses much stack.
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

#[inline(never)]
fn pass_on(ctx: &XdpContext) -> u32 {
    // SAFETY: the map holds programs of this type only.
    unsafe { _ = NEXT.tail_call(ctx, 0) }; //~ ERROR tail-call
    2
}

#[xdp] //~ ERROR tail-call
pub fn dispatch(ctx: XdpContext) -> u32 {
    let header = core::hint::black_box([1u64; 40]); //~^ ERROR tail-call
    pass_on(&ctx) + header[3] as u32
}
