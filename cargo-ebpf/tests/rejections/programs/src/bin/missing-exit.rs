//! Promises the compiler that a place is never reached: it makes no code for it, and the
//! program runs off its end.
#![no_std]
#![no_main]

use aya_ebpf::{helpers::bpf_get_prandom_u32, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp] //~ ERROR missing-exit
pub fn filter(_: XdpContext) -> u32 {
    //~^ ERROR missing-exit
    // SAFETY: the helper has no arguments and cannot fail.
    core::hint::black_box(unsafe { bpf_get_prandom_u32() });
    // SAFETY: unsound: this is reached.
    unsafe { core::hint::unreachable_unchecked() }
}
