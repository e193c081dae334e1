//! The eBPF programs of `lock`: entry points only, each named by its event.
#![no_std]
#![no_main]

mod filter;
mod kernel_wait;
mod lost;
mod pending;
mod stacks;
mod totals;

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

/// `contention_begin(void *lock, unsigned int flags)`: a wait begins, or a mutex's
/// waiter turns from spinning to sleeping or back.
#[btf_tracepoint(function = "contention_begin")]
pub fn contention_begin(ctx: BtfTracePointContext) -> i32 {
    kernel_wait::begin(&ctx, ctx.arg(0), ctx.arg(1));
    0
}

/// `contention_end(void *lock, int ret)`: a wait is over. The waiter holds the lock by
/// now, unless `ret` is negative.
#[btf_tracepoint(function = "contention_end")]
pub fn contention_end(ctx: BtfTracePointContext) -> i32 {
    kernel_wait::end(ctx.arg(0), ctx.arg(1));
    0
}

/// `sched_process_fork(struct task_struct *parent, struct task_struct *child)`: a new
/// thread or process, before it runs. `parent` is the current task.
#[btf_tracepoint(function = "sched_process_fork")]
pub fn sched_process_fork(ctx: BtfTracePointContext) -> i32 {
    filter::follow(ctx.arg(1));
    0
}

/// `sched_process_free(struct task_struct *task)`: a task is gone for good. Later than
/// its exit, in which it still waits for locks.
#[btf_tracepoint(function = "sched_process_free")]
pub fn sched_process_free(ctx: BtfTracePointContext) -> i32 {
    filter::forget(ctx.arg(0));
    0
}

/// Never called: the pipeline rejects an object that panic code got into.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The helpers used here are for GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
