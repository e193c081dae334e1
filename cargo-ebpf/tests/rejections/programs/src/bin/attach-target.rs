//! For a tracepoint that no kernel has, like one of a newer kernel on an older one.
#![no_std]
#![no_main]

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use rejections as _;

rejections::license!();

#[btf_tracepoint(function = "no_such_tracepoint")]
pub fn on_nothing(_: BtfTracePointContext) -> i32 {
    //~^ ERROR attach-target
    0
}
