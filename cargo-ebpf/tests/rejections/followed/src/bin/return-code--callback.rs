//! `return-code--callback` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use core::ffi::{c_long, c_void};

use aya_ebpf::{
    btf_maps::Array,
    helpers::generated::bpf_loop,
    macros::{btf_map, xdp},
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[btf_map]
static COUNTS: Array<u64, 16> = Array::new();

unsafe extern "C" fn count(index: u32, _: *mut c_void) -> c_long {
    let Some(count) = COUNTS.get_ptr_mut(index) else {
        return 0;
    };
    // SAFETY: the value lives as long as the map.
    unsafe {
        *count += 1;
        (*count > 100) as c_long
    }
}

#[xdp]
pub fn filter(_: XdpContext) -> u32 {
    // SAFETY: the callback is a function of this program.
    unsafe { bpf_loop(16, count as *mut c_void, core::ptr::null_mut(), 0) };
    2
}
//@ since: 5.17
