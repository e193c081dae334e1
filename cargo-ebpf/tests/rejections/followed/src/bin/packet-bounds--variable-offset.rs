//! `packet-bounds--variable-offset` of `../programs` with its hint followed.
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
    let trailer = data + 14 + (core::hint::black_box(length) & 0x3ff);
    if core::hint::black_box(trailer + 1) > end {
        return XDP_PASS;
    }
    // SAFETY: the packet has this byte.
    let first = unsafe { *(trailer as *const u8) };
    if first == 0 { XDP_DROP } else { XDP_PASS }
}
