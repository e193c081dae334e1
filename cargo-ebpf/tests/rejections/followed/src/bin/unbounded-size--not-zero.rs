//! `unbounded-size--not-zero` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::PerCpuArray,
    helpers::generated::bpf_skb_load_bytes,
    macros::{btf_map, classifier},
    programs::TcContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static PAYLOAD: PerCpuArray<[u8; 512], 1> = PerCpuArray::new();

#[classifier]
pub fn copy(ctx: TcContext) -> i32 {
    let Some(payload) = PAYLOAD.get_ptr_mut(0) else {
        return 0;
    };
    let length = (core::hint::black_box(ctx.len() - 42 - 1) & 511) + 1;
    // SAFETY: the length is from 1 to 512.
    unsafe { bpf_skb_load_bytes(ctx.skb.skb.cast(), 42, payload.cast(), length) as i32 }
}
