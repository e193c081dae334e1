//! `spin-lock--held-at-exit` of `../programs` with its hint followed.
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
        lock(&raw mut (*count).lock);
        let is_full = (*count).packets > 100;
        (*count).packets += u32::from(!is_full);
        unlock(&raw mut (*count).lock);
        if is_full {
            return 1;
        }
    }
    2
}
