//! Sets a whole value, with the lock that is part of it.
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
        let lock = bpf_spin_lock { val: 0 };
        // SAFETY: unsound: another CPU may hold the lock.
        unsafe { count.write_volatile(Count { lock, packets: 0 }) }; //~ ERROR spin-lock
    }
    2
}
