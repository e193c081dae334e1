//! `spin-lock--accessed-directly` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::bpf_spin_lock,
    btf_maps::Array,
    macros::{btf_map, xdp},
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[repr(C)]
pub struct Count {
    lock: bpf_spin_lock,
    packets: u32,
}

#[btf_map]
static COUNT: Array<Count, 1> = Array::new();

#[xdp]
pub fn reset(_: XdpContext) -> u32 {
    if let Some(count) = COUNT.get_ptr_mut(0) {
        // SAFETY: the value lives as long as the map.
        unsafe { (&raw mut (*count).packets).write_volatile(0) };
    }
    2
}
