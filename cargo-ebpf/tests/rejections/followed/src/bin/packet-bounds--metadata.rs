//! `packet-bounds--metadata` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::xdp_action, helpers::generated::bpf_xdp_adjust_meta, macros::xdp,
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[xdp]
pub fn mark(ctx: XdpContext) -> u32 {
    // SAFETY: the context is that of the program.
    if unsafe { bpf_xdp_adjust_meta(ctx.ctx, -8) } != 0 {
        return xdp_action::XDP_PASS;
    }
    let mark = ctx.metadata();
    if mark + 8 > ctx.data() {
        return xdp_action::XDP_PASS;
    }
    // SAFETY: there are eight bytes of metadata.
    unsafe { *(mark as *mut u64) = 7 };
    xdp_action::XDP_PASS
}
