//! `not-sleepable` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::uprobe, programs::ProbeContext};
use rejections as _;

rejections::license!();

#[uprobe]
pub fn enter(_: ProbeContext) -> u32 {
    // If it is rejected, the diagnosis points to the attribute.
    0
}
