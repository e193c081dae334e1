//! A lock in a map that was declared without types, as `#[map]` declares it: the kernel
//! cannot know where in the value the lock is.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::bpf_spin_lock,
    helpers::generated::{bpf_spin_lock as lock, bpf_spin_unlock as unlock},
    macros::{map, xdp},
    maps::Array,
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[repr(C)]
pub struct Total {
    lock: bpf_spin_lock,
    packets: u64,
}

#[map]
static TOTAL: Array<Total> = Array::with_max_entries(1, 0);

#[xdp]
pub fn count(_: XdpContext) -> u32 {
    if let Some(total) = TOTAL.get_ptr_mut(0) {
        // SAFETY: the value lives as long as the map.
        unsafe {
            lock(&raw mut (*total).lock); //~ ERROR missing-btf
            (*total).packets += 1;
            unlock(&raw mut (*total).lock);
        }
    }
    2
}
