#![no_std]
#![no_main]

use aya_ebpf::{helpers::bpf_ktime_get_ns, macros::xdp, programs::XdpContext};

#[xdp]
pub fn rate(_: XdpContext) -> u32 {
    let time = u128::from(unsafe { bpf_ktime_get_ns() }) << 20;
    (time / 1_000_000_007) as u32 //~ ERROR wide-division
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
