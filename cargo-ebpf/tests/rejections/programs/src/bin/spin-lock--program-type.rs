//! Takes a spin lock in a tracing program.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::bpf_spin_lock,
    btf_maps::Array,
    helpers::generated::{bpf_spin_lock as lock, bpf_spin_unlock as unlock},
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[repr(C)]
pub struct Count {
    lock: bpf_spin_lock,
    calls: u32,
}

#[btf_map]
static COUNT: Array<Count, 1> = Array::new();

#[raw_tracepoint(tracepoint = "sys_enter")] //~ ERROR spin-lock
pub fn count(_: RawTracePointContext) -> i32 {
    //~^ ERROR spin-lock
    if let Some(count) = COUNT.get_ptr_mut(0) {
        // SAFETY: the value lives as long as the map.
        unsafe {
            lock(&raw mut (*count).lock); //~ ERROR spin-lock
            (*count).calls += 1;
            unlock(&raw mut (*count).lock);
        }
    }
    0
}
