//! `stack-limit` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::PerCpuArray,
    macros::{btf_map, xdp},
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static HEADER: PerCpuArray<[u64; 40], 1> = PerCpuArray::new();

#[inline(never)]
fn checksum(start: u64) -> u64 {
    let buffer = core::hint::black_box([start; 40]);
    buffer[3]
}

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let Some(header) = HEADER.get_ptr_mut(0) else {
        return 2;
    };
    // SAFETY: the value lives as long as the map.
    let header = unsafe { &mut *header };
    header[7] = 1;
    checksum(ctx.data() as u64 - ctx.data_end() as u64 + header[7]) as u32 & 1
}
