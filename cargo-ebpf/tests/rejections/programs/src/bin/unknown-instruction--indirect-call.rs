//! Calls one of two functions through a table of pointers.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[inline(never)]
fn triple(number: u32) -> u32 {
    number * 3
}

#[inline(never)]
fn invert(number: u32) -> u32 {
    !number
}

static HANDLERS: [fn(u32) -> u32; 2] = [triple, invert];

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let index = ctx.ingress_ifindex() & 1;
    HANDLERS[index](ctx.rx_queue_index() as u32) & 1 //~ ERROR unknown-instruction
}
