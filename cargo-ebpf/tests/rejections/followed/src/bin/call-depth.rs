//! `call-depth` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

macro_rules! chain {
    ($name:ident -> $next:ident) => {
        #[inline(always)]
        fn $name(number: u32) -> u32 {
            core::hint::black_box($next(number + 1))
        }
    };
}

#[inline(always)]
fn last(number: u32) -> u32 {
    core::hint::black_box(number)
}

chain!(eighth -> last);
chain!(seventh -> eighth);
chain!(sixth -> seventh);
chain!(fifth -> sixth);
chain!(fourth -> fifth);
chain!(third -> fourth);
chain!(second -> third);
chain!(first -> second);

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    first(ctx.rx_queue_index() as u32) & 1
}
