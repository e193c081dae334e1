#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};

#[xdp]
pub fn copied(ctx: XdpContext) -> u32 {
    let mut name = [0u8; 16];
    let length = ctx.rx_queue_index() as usize;
    name[..length].fill(1); //~ ERROR panic-code
    u32::from(core::hint::black_box(name)[3])
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
