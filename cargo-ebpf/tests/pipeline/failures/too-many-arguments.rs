#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};

#[inline(never)]
fn mix(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32) -> u32 {
    core::hint::black_box(a) ^ b.rotate_left(c) ^ d.rotate_left(e) ^ core::hint::black_box(f)
}

#[xdp]
pub fn mixed(ctx: XdpContext) -> u32 {
    let (queue, interface) = (ctx.rx_queue_index(), ctx.ingress_ifindex() as u32);
    let other = mix(interface, queue, queue + 4, interface + 5, queue, 6); //~ ERROR too-many-arguments
    other ^ mix(queue, interface, queue + 1, interface + 2, queue + 3, 4)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
