//! Calls a helper that programs of this type may not call.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _, btf_maps::HashMap, helpers::generated::bpf_get_stackid, macros::btf_map,
    macros::xdp, programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static STACKS: HashMap<u32, u64, 16> = HashMap::new();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    // SAFETY: context and map are valid.
    let stack = unsafe { bpf_get_stackid(ctx.as_ptr(), (&raw const STACKS).cast_mut().cast(), 0) }; //~ ERROR helper-not-allowed
    if stack < 0 { 1 } else { 2 }
}
