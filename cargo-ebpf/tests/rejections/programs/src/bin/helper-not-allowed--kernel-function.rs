//! Calls a kernel function in a program type for which the kernel does not allow it.
//@ loader: libbpf
//@ kernels: 6.12 6.18 7.3
#![no_std]
#![no_main]

use aya_ebpf::{macros::socket_filter, programs::SkBuffContext};
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

#[socket_filter]
pub fn filter(_: SkBuffContext) -> i64 {
    // SAFETY: the reference is released.
    unsafe {
        let task = task_from_pid(1); //~ ERROR helper-not-allowed
        if task.is_null() {
            return 0;
        }
        task_release(task);
    }
    1
}
