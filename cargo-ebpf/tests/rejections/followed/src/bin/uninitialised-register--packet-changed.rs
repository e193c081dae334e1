//! `uninitialised-register--packet-changed` of `../programs` with its hint followed.
//@ without: CAP_PERFMON
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
    let data = ctx.data();
    if data + 14 > ctx.data_end() {
        return 0;
    }
    // SAFETY: the packet has 14 bytes.
    unsafe { i32::from(*(data as *const u8)) & 1 }
}
