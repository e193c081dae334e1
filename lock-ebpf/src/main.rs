//! The eBPF programs of `lock`: entry points only, each named by its event.
#![no_std]
#![no_main]
#![expect(
    clippy::inline_always,
    reason = "a function that is not inlined is a subprogram: the verifier checks its calls \
              without the values of constants, and the call itself takes time in a lock's slow \
              path. Each is a few instructions, or is called once per program, unless a comment \
              at it gives another reason"
)]

mod arch;
mod clock;
mod events;
mod filter;
mod futex;
mod futex_wait;
mod kernel_wait;
mod lost;
mod owner;
mod sampler;
mod spins;
mod stacks;
mod task;
mod threads;
mod totals;
mod user_stack;
mod waking;

use task::Sleep;

use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};

// Tracepoints that older kernels do not have are raw ones: a kernel looks for them only when a
// program is attached. Programs on BTF tracepoints are rejected at load where theirs is missing,
// and libbpf then rejects the whole object.

/// `contention_begin(void *lock, unsigned int flags)`: a wait begins, or a mutex's
/// waiter turns from spinning to sleeping or back.
#[raw_tracepoint(tracepoint = "contention_begin")]
pub fn contention_begin(ctx: RawTracePointContext) -> u32 {
    kernel_wait::begin(&ctx, ctx.arg(0), ctx.arg(1));
    0
}

/// `contention_end(void *lock, int ret)`: a wait is over. The waiter holds the lock by
/// now, unless `ret` is negative.
#[raw_tracepoint(tracepoint = "contention_end")]
pub fn contention_end(ctx: RawTracePointContext) -> u32 {
    kernel_wait::end(&ctx, ctx.arg(0), ctx.arg(1));
    0
}

/// `contended_release(void *lock)`: the holder of a lock that others wait for is about to
/// release it. From Linux 7.2 on.
#[raw_tracepoint(tracepoint = "contended_release")]
pub fn contended_release(ctx: RawTracePointContext) -> u32 {
    kernel_wait::release(&ctx, ctx.arg(0));
    0
}

/// `sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next,
/// unsigned int prev_state)`: `prev`, the current task, leaves the CPU to `next`.
#[btf_tracepoint(function = "sched_switch")]
pub fn sched_switch(ctx: BtfTracePointContext) -> i32 {
    // bool: only its lowest byte is defined.
    let is_preempted = || ctx.arg::<u64>(0) & 0xff != 0;
    if !is_preempted() && task::sleep_of(&ctx, ctx.arg(1)) == Sleep::Interruptible {
        futex_wait::count_unmeasured(ctx.arg(1));
    }
    let waits = futex_wait::leave(ctx.arg(1));
    if !is_preempted() {
        match task::sleep_of(&ctx, ctx.arg(1)) {
            Sleep::Interruptible => futex_wait::block(ctx.arg(1), waits),
            Sleep::Uninterruptible => futex_wait::sleep(waits),
            Sleep::Not => {}
        }
    }
    futex_wait::resume(ctx.arg(2));
    0
}

/// `sched_waking(struct task_struct *p)`: the current task, or an interrupt on its CPU, is
/// about to wake `p`.
#[btf_tracepoint(function = "sched_waking")]
pub fn sched_waking(ctx: BtfTracePointContext) -> i32 {
    futex_wait::wake(ctx.arg(0));
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
    threads::forget(ctx.arg(0));
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
