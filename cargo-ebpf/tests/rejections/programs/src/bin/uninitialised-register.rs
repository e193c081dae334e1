//! Passes an argument that was never set to a helper.
#![no_std]
#![no_main]

use core::{
    ffi::c_long,
    mem::{MaybeUninit, transmute},
};

use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};
use rejections as _;

rejections::license!();

type GetCurrentComm = unsafe extern "C" fn(*mut u8, MaybeUninit<u32>) -> c_long;

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn name(_: RawTracePointContext) -> i32 {
    let mut name = [0u8; 16];
    let length = MaybeUninit::uninit();
    // SAFETY: helpers are called by number.
    let get_current_comm: GetCurrentComm = unsafe { transmute(16usize) };
    // SAFETY: unsound: the length has no value.
    unsafe { get_current_comm(name.as_mut_ptr(), length) }; //~ ERROR uninitialised-register
    0
}
