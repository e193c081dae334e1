//! `pointer-arithmetic` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicUsize, Ordering};

use aya_ebpf::{
    btf_maps::Array,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static SLOTS: Array<[u64; 8], 1> = Array::new();

static INDEX: AtomicUsize = AtomicUsize::new(3);

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn align(_: RawTracePointContext) -> i32 {
    if let Some(slots) = SLOTS.get_ptr_mut(0) {
        let index = INDEX.load(Ordering::Relaxed) & 7;
        // SAFETY: the index is below 8.
        unsafe { *slots.cast::<u64>().add(index & !1) += 1 };
    }
    0
}
