//! Copies as many bytes of a packet as there are behind its headers, whose number has no bounds.
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
    let length = ctx.len() - 42;
    // SAFETY: unsound: the length may be larger than the buffer.
    unsafe { bpf_skb_load_bytes(ctx.skb.skb.cast(), 42, payload.cast(), length) as i32 } //~ ERROR unbounded-size
}
