//! Writes metadata before a packet without a comparison.
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
    let mark = ctx.metadata() as *mut u64;
    // SAFETY: unsound: there may be no metadata.
    unsafe { *mark = 7 }; //~ ERROR packet-bounds
    xdp_action::XDP_PASS
}
