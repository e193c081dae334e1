//! What tasks of the kernel are doing: their numbers, flags, and the registers with which
//! they entered the kernel.

use core::ffi::c_void;

use aya_ebpf::{
    Global,
    bindings::task_struct,
    helpers::{
        bpf_get_current_pid_tgid, bpf_get_current_task, bpf_get_current_task_btf,
        bpf_probe_read_kernel, bpf_task_pt_regs,
    },
    programs::BtfTracePointContext,
};
use lock_common::ThreadRef;

use crate::arch::{REGISTERS, Register, THREAD_SIZE};

// Offsets in the running kernel's `struct task_struct`, in bytes. Set by the loader before
// the programs are verified: the verifier knows their values.
#[unsafe(no_mangle)]
static TASK_PID_OFFSET: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static TASK_TGID_OFFSET: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static TASK_FLAGS_OFFSET: Global<u32> = Global::new(0);
/// Of `__state`, or `state` before Linux 5.14.
#[unsafe(no_mangle)]
static TASK_STATE_OFFSET: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static TASK_STACK_OFFSET: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static TASK_MM_OFFSET: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static TASK_COMM_OFFSET: Global<u32> = Global::new(0);
/// Of `se.sum_exec_runtime` and `se.prev_sum_exec_runtime`.
#[unsafe(no_mangle)]
static TASK_RAN_OFFSET: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static TASK_RAN_BEFORE_OFFSET: Global<u32> = Global::new(0);

/// Not zero: `sched_switch` has its fourth argument, from Linux 5.18 on.
#[unsafe(no_mangle)]
static HAS_PREV_STATE: Global<u32> = Global::new(0);
/// Not zero: there is `bpf_task_pt_regs`, from Linux 5.15 on.
#[unsafe(no_mangle)]
static HAS_TASK_REGISTERS: Global<u32> = Global::new(0);

/// Flags of a task: `PF_*` of the kernel's `include/linux/sched.h`.
const PF_EXITING: u32 = 0x0000_0004;
const PF_KTHREAD: u32 = 0x0020_0000;

/// State of a task: `TASK_INTERRUPTIBLE` of the kernel's `include/linux/sched.h`. Waits for
/// futexes have it; waits for memory or for the kernel's own locks do not.
const TASK_INTERRUPTIBLE: u32 = 1;

/// A task of the kernel.
pub type Task = *const c_void;

/// The current thread and its process, as the initial pid namespace numbers them.
#[derive(Clone, Copy)]
pub struct Thread {
    pub tgid: u32,
    pub tid: u32,
}

impl Thread {
    #[inline(always)]
    pub fn current() -> Self {
        let current = ThreadRef::from_pid_tgid(bpf_get_current_pid_tgid());
        Self {
            tgid: current.tgid(),
            tid: current.tid(),
        }
    }

    /// As events and open waits refer to it.
    pub fn reference(self) -> ThreadRef {
        ThreadRef::new(self.tgid, self.tid)
    }
}

/// The registers with which a thread entered the kernel: words of `struct pt_regs`.
#[derive(Clone, Copy)]
pub struct Registers(*const u64);

impl Registers {
    /// Those of a task given to a program. Which of them mean something depends on how it
    /// entered the kernel; for a kernel thread none does.
    #[inline(always)] // Reduced by the verifier to one of two ways.
    pub fn of(task: Task) -> Option<Self> {
        if HAS_TASK_REGISTERS.load() != 0 {
            // SAFETY: a task that the kernel gave to the program.
            let registers = unsafe { bpf_task_pt_regs(task.cast::<task_struct>().cast_mut()) };
            return Some(Self(registers as usize as *const u64));
        }
        let stack: usize = read(task, TASK_STACK_OFFSET.load())?;
        Some(Self(
            (stack + THREAD_SIZE - REGISTERS * size_of::<u64>()) as *const u64,
        ))
    }

    /// Those of the current task.
    #[inline(always)]
    pub fn current() -> Option<Self> {
        Self::of(current())
    }

    /// Where they are: at the outer end of the task's kernel stack.
    pub fn address(self) -> *const u64 {
        self.0
    }

    #[inline(always)]
    pub fn get(self, register: Register) -> u64 {
        let field = self.0.wrapping_add(register as usize);
        if HAS_TASK_REGISTERS.load() != 0 {
            // SAFETY: what bpf_task_pt_regs returns may be read: the verifier knows its type,
            // and a fault reads zero.
            unsafe { field.read_volatile() }
        } else {
            // SAFETY: the helper checks the address.
            unsafe { bpf_probe_read_kernel(field) }.unwrap_or(0)
        }
    }
}

/// The current task.
#[inline(always)] // Reduced by the verifier to one of two helper calls.
pub fn current() -> Task {
    // SAFETY: neither helper has preconditions.
    unsafe {
        if HAS_TASK_REGISTERS.load() != 0 {
            bpf_get_current_task_btf().cast_const().cast()
        } else {
            bpf_get_current_task() as usize as Task
        }
    }
}

/// How a task that leaves its CPU sleeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sleep {
    /// Not at all: it could go on.
    Not,
    /// Until somebody wakes it, or a signal comes.
    Interruptible,
    /// Until somebody wakes it.
    Uninterruptible,
}

/// How a task that leaves its CPU of its own accord sleeps.
#[inline(always)]
pub fn sleep_of(ctx: &BtfTracePointContext, prev: Task) -> Sleep {
    let state: u32 = if HAS_PREV_STATE.load() != 0 {
        // Linux 5.10 and 5.15 reject this load: "func 'sched_switch' doesn't have 4-th
        // argument". There the branch is dead.
        ctx.arg(3)
    } else {
        read(prev, TASK_STATE_OFFSET.load()).unwrap_or(0)
    };
    match state {
        0 => Sleep::Not,
        _ if state & TASK_INTERRUPTIBLE != 0 => Sleep::Interruptible,
        _ => Sleep::Uninterruptible,
    }
}

/// A task's number. The task must be an argument of the program.
#[inline(always)]
pub fn tid(task: Task) -> u32 {
    let field = task
        .wrapping_byte_add(TASK_PID_OFFSET.load() as usize)
        .cast::<u32>();
    // SAFETY: the verifier knows the type of an argument, and that this is a field of it.
    unsafe { field.read_volatile() }
}

/// The number of a task that may be gone.
#[inline(always)]
pub fn read_tid(task: Task) -> Option<u32> {
    read(task, TASK_PID_OFFSET.load())
}

/// The process of a task that may be gone.
#[inline(always)]
pub fn read_tgid(task: Task) -> Option<u32> {
    read(task, TASK_TGID_OFFSET.load())
}

/// The address space of a task.
#[inline(always)]
pub fn memory(task: Task) -> Option<u64> {
    read(task, TASK_MM_OFFSET.load())
}

/// A task's name.
#[inline(always)]
pub fn comm(task: Task) -> [u8; 16] {
    read(task, TASK_COMM_OFFSET.load()).unwrap_or_default()
}

/// The CPU time of a task that leaves its CPU or gets it, in nanoseconds. The task must be an
/// argument of the program.
#[inline(always)]
pub fn cpu_ns(task: Task) -> u64 {
    let field = task
        .wrapping_byte_add(TASK_RAN_OFFSET.load() as usize)
        .cast::<u64>();
    // SAFETY: the verifier knows the type of an argument, and that this is a field of it.
    unsafe { field.read_volatile() }
}

/// For how long a task that leaves its CPU has had it, in nanoseconds: what the kernel
/// accounted since it picked the task. More than that for a task of a real-time class.
#[inline(always)]
pub fn ran_ns(task: Task) -> u64 {
    let ran: u64 = read(task, TASK_RAN_OFFSET.load()).unwrap_or(0);
    let before: u64 = read(task, TASK_RAN_BEFORE_OFFSET.load()).unwrap_or(0);
    ran.saturating_sub(before)
}

/// Whether a task is the kernel's own.
#[inline(always)]
pub fn is_kernel_thread(task: Task) -> bool {
    read(task, TASK_FLAGS_OFFSET.load()).unwrap_or(PF_KTHREAD) & PF_KTHREAD != 0
}

/// Whether a task is about to end.
#[inline(always)]
pub fn is_exiting(task: Task) -> bool {
    read(task, TASK_FLAGS_OFFSET.load()).unwrap_or(0) & PF_EXITING != 0
}

#[inline(always)]
fn read<T>(base: Task, offset: u32) -> Option<T> {
    let field = base.wrapping_byte_add(offset as usize).cast::<T>();
    // SAFETY: the helper checks the address; a bad one gives an error.
    unsafe { bpf_probe_read_kernel(field) }.ok()
}
