//! Indexes an array on the stack with a number that may be too large.
#![no_std]
#![no_main]

use aya_ebpf::{helpers::bpf_get_prandom_u32, macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

#[xdp]
pub fn pick(_: XdpContext) -> u32 {
    let mut seen = [0u8; 16];
    let seen = core::hint::black_box(&mut seen);
    // SAFETY: the helper has no arguments and cannot fail.
    let slot = unsafe { bpf_get_prandom_u32() } as usize & 31;
    // SAFETY: unsound: the mask allows twice the length.
    unsafe { *seen.get_unchecked_mut(slot) = 1 }; //~ ERROR stack-bounds
    u32::from(seen[0]) + 1
}
