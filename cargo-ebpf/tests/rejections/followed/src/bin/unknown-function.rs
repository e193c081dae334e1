//! `unknown-function` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    // SAFETY: the helper has no arguments and cannot fail.
    if unsafe { bpf_ktime_get_ns() } == 0 {
        1
    } else {
        2
    }
}
