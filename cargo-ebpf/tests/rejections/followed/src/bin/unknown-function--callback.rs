//! `unknown-function--callback` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    for index in 0..16 {
        if core::hint::black_box(index) > 10 {
            break;
        }
    }
    2
}
