//! `division-by-zero` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let length = ctx.data_end() - ctx.data();
    let queues = ctx.rx_queue_index() as usize;
    length.checked_div(queues).unwrap_or(0) as u32 & 1
}
