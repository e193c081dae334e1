//! Looks up a key that is smaller than the keys of the map.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::HashMap,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_map_lookup_elem},
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[repr(C)]
pub struct Key {
    process: u32,
    file: u32,
}

#[btf_map]
static SIZES: HashMap<Key, u64, 16> = HashMap::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn find(_: RawTracePointContext) -> i32 {
    let process = (bpf_get_current_pid_tgid() >> 32) as u32;
    let map = (&raw const SIZES).cast_mut().cast();
    // SAFETY: unsound: the helper reads eight bytes.
    let size = unsafe { bpf_map_lookup_elem(map, (&raw const process).cast()) }; //~ ERROR stack-bounds
    size.is_null().into()
}
