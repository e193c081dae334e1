#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};

#[xdp]
pub fn percent(ctx: XdpContext) -> u32 {
    let share = f64::from(ctx.rx_queue_index()) * 1.5; //~ ERROR float-unsupported
    share as u32
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
