//! Reads a packet without comparing with its end.
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
    // SAFETY: unsound: the packet may be shorter.
    let protocol = unsafe { *packet.add(12) }; //~ ERROR packet-bounds
    if protocol == 8 { XDP_DROP } else { XDP_PASS }
}
