#![no_std]
#![no_main]

extern crate alloc; //~ ERROR allocator-missing

use alloc::vec::Vec;

use aya_ebpf::{macros::xdp, programs::XdpContext};

#[xdp]
pub fn collected(ctx: XdpContext) -> u32 {
    let mut seen = Vec::new();
    seen.push(ctx.rx_queue_index());
    seen.len() as u32
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
