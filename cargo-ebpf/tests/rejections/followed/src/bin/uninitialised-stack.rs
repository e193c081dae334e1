//! `uninitialised-stack` of `../programs` with its hint followed.
//@ without: CAP_PERFMON
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::HashMap,
    macros::{btf_map, socket_filter},
    programs::SkBuffContext,
};
use rejections as _;

rejections::license!();

#[repr(C)]
pub struct Key {
    length: u64,
    mark: u64,
}

#[btf_map]
static COUNTS: HashMap<Key, u64, 16> = HashMap::new();

#[socket_filter]
pub fn filter(ctx: SkBuffContext) -> i64 {
    // SAFETY: zero is a value of each field.
    let mut key: Key = unsafe { core::mem::zeroed() };
    key.length = u64::from(ctx.len());
    COUNTS.get_ptr(&key).is_some() as i64
}
