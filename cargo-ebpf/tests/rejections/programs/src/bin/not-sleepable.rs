//! A program that may sleep, where this kernel has none. Uprobes may since Linux 6.0.
//@ kernels: 5.10
#![no_std]
#![no_main]

use aya_ebpf::{macros::uprobe, programs::ProbeContext};
use rejections as _;

rejections::license!();

#[uprobe(sleepable)] //~ ERROR not-sleepable
pub fn enter(_: ProbeContext) -> u32 {
    // Where it is refused, the attribute says why.
    0
}
