#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};

static WEIGHTS: [u32; 5] = [3, 1, 4, 1, 5];

#[inline(never)]
fn weight(index: u32) -> u32 {
    core::hint::black_box(&WEIGHTS)[index as usize] //~ ERROR panic-code
}

#[xdp]
pub fn weighed(ctx: XdpContext) -> u32 {
    weight(ctx.rx_queue_index())
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
