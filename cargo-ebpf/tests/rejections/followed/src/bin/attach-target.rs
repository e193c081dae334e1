//! `attach-target` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use rejections as _;

rejections::license!();

#[btf_tracepoint(function = "sys_enter")]
pub fn on_nothing(_: BtfTracePointContext) -> i32 {
    0
}
