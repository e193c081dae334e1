//! `stack-bounds` of `../programs` with its hint followed.
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
    if let Some(slot) = seen.get_mut(slot) {
        *slot = 1;
    }
    u32::from(seen[0]) + 1
}
