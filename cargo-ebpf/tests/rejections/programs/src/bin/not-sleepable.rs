//! A sleepable uprobe, which requires Linux 6.0.
//@ kernels: 5.10
#![no_std]
#![no_main]

use aya_ebpf::{macros::uprobe, programs::ProbeContext};
use rejections as _;

rejections::license!();

#[uprobe(sleepable)] //~ ERROR not-sleepable
pub fn enter(_: ProbeContext) -> u32 {
    // If it is rejected, the diagnosis points to the attribute.
    0
}
