#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};

fn double(value: u32) -> u32 {
    value * 2
}

fn triple(value: u32) -> u32 {
    value * 3
}

static HANDLERS: [fn(u32) -> u32; 2] = [double, triple];

#[xdp]
pub fn dispatched(ctx: XdpContext) -> u32 {
    let handler = HANDLERS[ctx.ingress_ifindex() & 1];
    handler(ctx.rx_queue_index()) //~ ERROR indirect-call
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
