//! Compares a packet pointer, and reads through one whose offset is in the packet and has no
//! maximum.
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
    let (data, end) = (ctx.data(), ctx.data_end());
    if data + 18 > end {
        return XDP_PASS;
    }
    // SAFETY: the packet has 18 bytes.
    let length = usize::from(u16::from_be(unsafe { *((data + 16) as *const u16) }));
    let trailer = data + 14 + length; //~ ERROR unbounded-index
    if data + 15 > end {
        return XDP_PASS;
    }
    // SAFETY: unsound: another pointer was compared.
    let first = unsafe { *(trailer as *const u8) }; //~ ERROR packet-bounds
    if first == 0 { XDP_DROP } else { XDP_PASS }
}
//@ elsewhere: unbounded-index 5.10 6.1 6.12
