//! Writes through a packet pointer after the packet was made linear, in a process without
//! CAP_PERFMON.
//@ without: CAP_PERFMON
//@ elsewhere: number-as-pointer 5.10 6.1 6.12 7.3
#![no_std]
#![no_main]

use aya_ebpf::{macros::classifier, programs::TcContext};
use rejections as _;

rejections::license!();

#[classifier]
pub fn filter(ctx: TcContext) -> i32 {
    let data = ctx.data();
    if data + 14 > ctx.data_end() {
        return 0;
    }
    if ctx.pull_data(54).is_err() {
        return 0;
    }
    // SAFETY: unsound: the pointer is into the packet as it was.
    unsafe { i32::from(*(data as *const u8)) & 1 } //~ ERROR uninitialised-register
} //~^ ERROR number-as-pointer
