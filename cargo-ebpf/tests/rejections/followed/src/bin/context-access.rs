//! `context-access` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    // SAFETY: a field of the context.
    let interface = unsafe { (*ctx.ctx).ingress_ifindex };
    if interface == 0 { 1 } else { 2 }
}
