//! `kernel-unsupported` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use core::ffi::c_void;

use rejections as _;

rejections::license!();

#[unsafe(no_mangle)]
#[unsafe(link_section = "raw_tp/sys_enter")]
pub extern "C" fn by_hand(_: *mut c_void) -> i32 {
    0
}
