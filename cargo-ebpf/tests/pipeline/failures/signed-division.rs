#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};

#[xdp]
pub fn average(ctx: XdpContext) -> u32 {
    let total = ctx.rx_queue_index().cast_signed();
    (total / (total >> 5 | 1)).cast_unsigned() //~ ERROR signed-division
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
