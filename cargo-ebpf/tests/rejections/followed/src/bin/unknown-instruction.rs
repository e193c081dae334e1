//! `unknown-instruction` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    2
}
