//! `spin-lock` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::bpf_spin_lock,
    btf_maps::Array,
    helpers::{
        bpf_ktime_get_ns,
        generated::{bpf_spin_lock as lock, bpf_spin_unlock as unlock},
    },
    macros::{btf_map, xdp},
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[repr(C)]
pub struct Latest {
    lock: bpf_spin_lock,
    time: u64,
}

#[btf_map]
static LATEST: Array<Latest, 1> = Array::new();

#[xdp]
pub fn stamp(_: XdpContext) -> u32 {
    if let Some(latest) = LATEST.get_ptr_mut(0) {
        // SAFETY: the value lives as long as the map.
        unsafe {
            let now = bpf_ktime_get_ns();
            lock(&raw mut (*latest).lock);
            (*latest).time = now;
            unlock(&raw mut (*latest).lock);
        }
    }
    2
}
