//! Passes a length to a helper that was computed from the end of the packet.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    helpers::generated::bpf_csum_diff,
    macros::xdp,
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[xdp]
pub fn sum(ctx: XdpContext) -> u32 {
    let (data, end) = (ctx.data() + 34, ctx.data_end());
    if data >= end {
        return XDP_PASS;
    }
    let length = ((end - data) & 0xffff) as u32;
    // SAFETY: the packet has these bytes, which the verifier cannot know.
    let sum = unsafe { bpf_csum_diff(core::ptr::null_mut(), 0, data as *mut _, length, 0) }; //~ ERROR packet-bounds
    if sum > 5 { XDP_DROP } else { XDP_PASS }
}
