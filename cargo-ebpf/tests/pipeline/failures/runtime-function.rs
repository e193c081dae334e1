#![no_std]
#![no_main]

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::xdp, programs::XdpContext};

#[xdp]
pub fn scaled(_: XdpContext) -> u32 {
    let time = u128::from(unsafe { bpf_ktime_get_ns() });
    let product = time * time; //~ ERROR runtime-function
    (product >> 64) as u32
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
