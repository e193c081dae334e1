//! Writes a kernel address where user space can read it. Only processes without
//! CAP_PERFMON are rejected.
//@ without: CAP_PERFMON
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _,
    btf_maps::Array,
    macros::{btf_map, socket_filter},
    programs::SkBuffContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static ADDRESS: Array<u64, 1> = Array::new();

#[socket_filter]
pub fn filter(ctx: SkBuffContext) -> i64 {
    if let Some(address) = ADDRESS.get_ptr_mut(0) {
        // SAFETY: the value lives as long as the map.
        unsafe { *address = ctx.as_ptr() as u64 }; //~ ERROR pointer-leak
    }
    0
}
