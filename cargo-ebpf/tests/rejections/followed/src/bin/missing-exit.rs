//! `missing-exit` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{helpers::bpf_get_prandom_u32, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    // SAFETY: the helper has no arguments and cannot fail.
    core::hint::black_box(unsafe { bpf_get_prandom_u32() });
    2
}
