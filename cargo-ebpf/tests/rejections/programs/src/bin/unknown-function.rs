//! Calls a helper that this kernel does not have, as a newer one may.
#![no_std]
#![no_main]

use core::{ffi::c_long, mem::transmute};

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    // SAFETY: helpers are called by number; no kernel has this one.
    let helper: unsafe extern "C" fn() -> c_long = unsafe { transmute(9999usize) };
    // SAFETY: the verifier rejects the call.
    if unsafe { helper() } == 0 { 1 } else { 2 } //~ ERROR unknown-function
}
