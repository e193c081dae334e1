//! Passes a key to a helper, with one field uninitialised. Newer kernels reject that
//! only to processes without CAP_PERFMON.
//@ without: CAP_PERFMON
#![no_std]
#![no_main]

use core::mem::MaybeUninit;

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
    let mut key = MaybeUninit::<Key>::uninit();
    // SAFETY: the pointer is to the field.
    unsafe { (&raw mut (*key.as_mut_ptr()).length).write(u64::from(ctx.len())) };
    // SAFETY: unsound: the mark has no value.
    let key = unsafe { key.assume_init_ref() };
    COUNTS.get_ptr(key).is_some() as i64 //~ ERROR uninitialised-stack
}
