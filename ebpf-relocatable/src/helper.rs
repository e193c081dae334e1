//! The kernel's helper that reads memory.

use core::{
    ffi::{c_long, c_void},
    mem::{MaybeUninit, transmute},
};

/// `bpf_probe_read_kernel` of the kernel's `enum bpf_func_id`, since Linux 5.5.
const PROBE_READ_KERNEL: usize = 113;

/// Fills `into` with kernel memory. Any address is allowed: one that cannot be read is an error.
#[inline(always)]
pub(crate) fn probe_read_kernel(into: &mut [MaybeUninit<u8>], from: *const u8) -> Result<(), i32> {
    type Helper = unsafe extern "C" fn(*mut c_void, u32, *const c_void) -> c_long;
    // SAFETY: a call of a BPF program to a small constant is a call of the helper with that
    // number. It writes as many bytes as `into` has.
    let result = unsafe {
        let helper: Helper = transmute(PROBE_READ_KERNEL);
        helper(into.as_mut_ptr().cast(), into.len() as u32, from.cast())
    };
    match result {
        0 => Ok(()),
        error => Err(error as i32),
    }
}
