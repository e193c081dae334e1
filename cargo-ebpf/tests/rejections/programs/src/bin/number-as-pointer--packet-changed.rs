//! Writes through a packet pointer after the packet was extended.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    helpers::generated::bpf_xdp_adjust_head,
    macros::xdp,
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[xdp]
pub fn shift(ctx: XdpContext) -> u32 {
    let data = ctx.data();
    if data + 54 > ctx.data_end() {
        return XDP_PASS;
    }
    let ethernet = data as *mut [u8; 14];
    // SAFETY: unsound: the second pointer is into the packet as it was.
    unsafe {
        let header = *ethernet;
        if bpf_xdp_adjust_head(ctx.ctx, 20) != 0 {
            return XDP_DROP;
        }
        *ethernet = header; //~ ERROR number-as-pointer
    }
    XDP_PASS
}
