//! `helper-not-allowed--kernel-function` of `../programs` with its hint followed.
//@ loader: libbpf
#![no_std]
#![no_main]

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use rejections as _;

rejections::license!();

/// `struct task_struct` of the kernel.
#[repr(C)]
pub struct Task {
    _opaque: u8,
}

// Defined in kernel_functions.ll, as rustc has no declarations of kernel functions.
unsafe extern "C" {
    fn task_from_pid(pid: i32) -> *mut Task;
    fn task_release(task: *mut Task);
}

#[btf_tracepoint(function = "sched_process_exec")]
pub fn watch(_: BtfTracePointContext) -> i32 {
    // SAFETY: the reference is released.
    unsafe {
        let task = task_from_pid(1);
        if task.is_null() {
            return 0;
        }
        task_release(task);
    }
    0
}
//@ since: 6.12
