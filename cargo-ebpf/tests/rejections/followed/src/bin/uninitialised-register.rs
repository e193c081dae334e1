//! `uninitialised-register` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use core::{ffi::c_long, mem::transmute};

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

type GetCurrentComm = unsafe extern "C" fn(*mut u8, u32) -> c_long;

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn name(_: RawTracePointContext) -> i32 {
    let mut name = [0u8; 16];
    let length = name.len() as u32;
    // SAFETY: helpers are called by number.
    let get_current_comm: GetCurrentComm = unsafe { transmute(16usize) };
    // SAFETY: the name has that many bytes.
    unsafe { get_current_comm(name.as_mut_ptr(), length) };
    0
}
