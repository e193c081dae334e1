//! `packet-bounds--helper-length` of `../programs` with its hint followed.
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
    const LENGTH: usize = 20;
    let (data, end) = (ctx.data() + 34, ctx.data_end());
    if data + LENGTH > end {
        return XDP_PASS;
    }
    // SAFETY: the packet has these bytes.
    let sum = unsafe { bpf_csum_diff(core::ptr::null_mut(), 0, data as *mut _, LENGTH as u32, 0) };
    if sum > 5 { XDP_DROP } else { XDP_PASS }
}
