//! `spin-lock--two-locks` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::bpf_spin_lock,
    btf_maps::Array,
    helpers::generated::{bpf_spin_lock as lock, bpf_spin_unlock as unlock},
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
static COUNTS: Array<Count, 2> = Array::new();

#[xdp]
pub fn copy(_: XdpContext) -> u32 {
    let (Some(first), Some(second)) = (COUNTS.get_ptr_mut(0), COUNTS.get_ptr_mut(1)) else {
        return 2;
    };
    // SAFETY: the values live as long as the map.
    unsafe {
        lock(&raw mut (*first).lock);
        let packets = (*first).packets;
        unlock(&raw mut (*first).lock);
        lock(&raw mut (*second).lock);
        (*second).packets = packets;
        unlock(&raw mut (*second).lock);
    }
    2
}
