//! A type of program that came with Linux 5.14.
//@ kernels: 5.10
#![no_std]
#![no_main]

use core::ffi::c_void;

use rejections as _;

rejections::license!();

#[unsafe(no_mangle)]
#[unsafe(link_section = "syscall")]
pub extern "C" fn by_hand(_: *mut c_void) -> i32 {
    //~^ ERROR kernel-unsupported
    0
}
