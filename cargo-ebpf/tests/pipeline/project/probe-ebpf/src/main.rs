//! Counts packets and lets them pass.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::xdp_action::XDP_PASS,
    btf_maps::Array,
    macros::{btf_map, xdp},
    programs::XdpContext,
};

#[btf_map]
static PACKETS: Array<u64, 1> = Array::new();

#[xdp]
pub fn watch(_: XdpContext) -> u32 {
    if let Some(packets) = PACKETS.get_ptr_mut(0) {
        // SAFETY: the slot is valid until the program ends; a lost count does no harm.
        unsafe { *packets += 1 };
    }
    XDP_PASS
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
