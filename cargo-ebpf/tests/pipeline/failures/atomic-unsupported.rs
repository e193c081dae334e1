#![no_std]
#![no_main]

use core::sync::atomic::{AtomicUsize, Ordering};

use aya_ebpf::{macros::xdp, programs::XdpContext};

static COUNT: AtomicUsize = AtomicUsize::new(0);

#[xdp]
pub fn counted(_: XdpContext) -> u32 {
    COUNT.fetch_add(1, Ordering::Relaxed) as u32 //~ ERROR atomic-unsupported
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
