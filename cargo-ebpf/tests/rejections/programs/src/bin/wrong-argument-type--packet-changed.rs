//! Passes a packet pointer to a helper after the packet was extended.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    helpers::generated::{bpf_csum_diff, bpf_xdp_adjust_head},
    macros::xdp,
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[xdp]
pub fn sum(ctx: XdpContext) -> u32 {
    let data = ctx.data();
    if data + 20 > ctx.data_end() {
        return XDP_PASS;
    }
    // SAFETY: unsound: the pointer is into the packet as it was.
    unsafe {
        if bpf_xdp_adjust_head(ctx.ctx, 20) != 0 {
            return XDP_DROP;
        }
        let sum = bpf_csum_diff(core::ptr::null_mut(), 0, data as *mut _, 20, 0); //~ ERROR wrong-argument-type
        if sum > 5 { XDP_DROP } else { XDP_PASS }
    }
}
