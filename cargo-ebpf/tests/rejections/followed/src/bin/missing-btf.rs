//! `missing-btf` of `../programs` with its hint followed.
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
pub struct Total {
    lock: bpf_spin_lock,
    packets: u64,
}

#[btf_map]
static TOTAL: Array<Total, 1> = Array::new();

#[xdp]
pub fn count(_: XdpContext) -> u32 {
    if let Some(total) = TOTAL.get_ptr_mut(0) {
        // SAFETY: the value lives as long as the map.
        unsafe {
            lock(&raw mut (*total).lock);
            (*total).packets += 1;
            unlock(&raw mut (*total).lock);
        }
    }
    2
}
