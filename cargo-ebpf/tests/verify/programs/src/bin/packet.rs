//! Refused: reads a packet without asking how long it is. Beside it a program that
//! asks, and is accepted.
#![no_std]
#![no_main]

use aya_ebpf::{bindings::xdp_action::XDP_PASS, macros::xdp, programs::XdpContext};
use verify_fixtures as _;

verify_fixtures::license!();

#[xdp]
pub fn unchecked(ctx: XdpContext) -> u32 {
    let packet = ctx.data() as *const u8;
    // SAFETY: unsound; the verifier has to find this.
    if unsafe { packet.add(12).read_volatile() } == 8 { 1 } else { XDP_PASS }
}

#[xdp]
pub fn checked(ctx: XdpContext) -> u32 {
    if ctx.data() + 14 > ctx.data_end() {
        return XDP_PASS;
    }
    let packet = ctx.data() as *const u8;
    // SAFETY: the packet has at least 14 bytes.
    if unsafe { packet.add(12).read_volatile() } == 8 { 1 } else { XDP_PASS }
}
