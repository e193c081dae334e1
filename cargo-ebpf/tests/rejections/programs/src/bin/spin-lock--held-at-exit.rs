//! Returns on one path without unlocking.
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
static COUNT: Array<Count, 1> = Array::new();

#[xdp]
pub fn count(_: XdpContext) -> u32 {
    let Some(count) = COUNT.get_ptr_mut(0) else {
        return 2;
    };
    // SAFETY: the value lives as long as the map.
    unsafe {
        lock(&raw mut (*count).lock); //~ ERROR spin-lock
        if (*count).packets > 100 {
            return 1;
        }
        (*count).packets += 1;
        unlock(&raw mut (*count).lock);
    }
    2
}
