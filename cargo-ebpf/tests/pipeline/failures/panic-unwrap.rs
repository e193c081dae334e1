#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::HashMap,
    macros::{btf_map, xdp},
    programs::XdpContext,
};

#[btf_map]
static NAMES: HashMap<u32, u32, 16> = HashMap::new();

#[xdp]
pub fn named(_: XdpContext) -> u32 {
    let name = NAMES.get_ptr(7).unwrap(); //~ ERROR panic-code
    unsafe { *name }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
