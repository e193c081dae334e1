//! `unknown-instruction--indirect-call` of `../programs` with its hint followed.
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

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let index = ctx.ingress_ifindex() & 1;
    let queue = ctx.rx_queue_index() as u32;
    match index {
        0 => triple(queue) & 1,
        _ => invert(queue) & 1,
    }
}
