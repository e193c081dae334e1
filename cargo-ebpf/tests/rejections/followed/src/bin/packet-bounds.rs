//! `packet-bounds` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    macros::xdp,
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let packet = ctx.data() as *const u8;
    if ctx.data() + 13 > ctx.data_end() {
        return XDP_PASS;
    }
    // SAFETY: the packet has at least 13 bytes.
    let protocol = unsafe { *packet.add(12) };
    if protocol == 8 { XDP_DROP } else { XDP_PASS }
}
