//! `packet-bounds--compared-length` of `../programs` with its hint followed.
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
pub fn sum(ctx: XdpContext) -> u32 {
    let data = ctx.data();
    if data + 42 > ctx.data_end() {
        return XDP_PASS;
    }
    // SAFETY: the packet has 42 bytes.
    let length = usize::from(u16::from_be(unsafe { *((data + 38) as *const u16) }));
    let mut sum = 0;
    let mut index = 0;
    while index < length && index < 64 {
        let byte = core::hint::black_box(data + 42 + index);
        if byte + 1 > ctx.data_end() {
            return XDP_PASS;
        }
        // SAFETY: the packet has this byte.
        sum += u32::from(unsafe { *(byte as *const u8) });
        index += 1;
    }
    if sum & 1 == 1 { XDP_DROP } else { XDP_PASS }
}
