//! `map-bounds--helper-width` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{
    EbpfContext as _,
    btf_maps::PerCpuArray,
    helpers::generated::bpf_probe_read_user_str,
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use rejections as _;

rejections::license!();

#[repr(C)]
pub struct Arguments {
    length: u64,
    bytes: [u8; 512],
}

#[btf_map]
static ARGUMENTS: PerCpuArray<Arguments, 1> = PerCpuArray::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn append(ctx: RawTracePointContext) -> i32 {
    let Some(arguments) = ARGUMENTS.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: there are at least 128 bytes from the offset on.
    unsafe {
        let argument = *ctx.as_ptr().cast::<*const core::ffi::c_void>().add(1);
        let offset = (*arguments).length as usize;
        if offset > 512 - 128 {
            return 0;
        }
        let free = (&raw mut (*arguments).bytes).cast::<u8>().add(offset);
        (*arguments).length += bpf_probe_read_user_str(free.cast(), 128, argument) as u64;
    }
    0
}
