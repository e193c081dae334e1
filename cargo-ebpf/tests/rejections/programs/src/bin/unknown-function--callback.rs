//! Passes a function to a helper, which no kernel before 5.13 can do.
//@ kernels: 5.10
#![no_std]
#![no_main]

use core::ffi::{c_long, c_void};

use aya_ebpf::{helpers::generated::bpf_loop, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

unsafe extern "C" fn stop_late(index: u32, _: *mut c_void) -> c_long {
    (index > 10) as c_long
}

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    // SAFETY: the callback is a function of this program.
    unsafe { bpf_loop(16, stop_late as *mut c_void, core::ptr::null_mut(), 0) }; //~ ERROR unknown-function
    2
}
