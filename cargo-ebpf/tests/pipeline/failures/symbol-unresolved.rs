#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};

unsafe extern "C" {
    fn measure_text(text: *const u8, most: usize) -> usize;
}

#[xdp]
pub fn measured(_: XdpContext) -> u32 {
    let text = c"text";
    unsafe { measure_text(text.as_ptr().cast(), 4) as u32 } //~ ERROR symbol-unresolved
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
