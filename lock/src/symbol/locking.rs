//! Whose wait is it? The frames of a contended lock begin with tracing, then come the
//! lock's own functions, then the function that wanted the lock.

/// How a function's name is recognised.
#[derive(Debug, Clone, Copy)]
enum Name {
    Is(&'static str),
    Starts(&'static str),
}

use Name::{Is, Starts};

/// What runs our program: from the tracepoint in the lock's slow path to the program.
const TRACING: &[Name] = &[
    Starts("bpf_prog_"),
    Starts("bpf_trace_run"),
    Starts("bpf_trampoline_"),
    Starts("bpf_get_stackid"),
    Starts("__bpf_prog_"),
    Starts("__bpf_trace_"),
    Starts("__traceiter_"),
    Starts("__probestub_"),
    Starts("__do_trace_"),
    Starts("trace_contention_"),
];

/// The lock's own functions.
const LOCKING: &[Name] = &[
    // Spinlocks and rwlocks.
    Starts("_raw_spin_"),
    Starts("raw_spin_rq_"),
    Starts("_raw_read_"),
    Starts("_raw_write_"),
    Starts("_raw_res_spin_"),
    Starts("__raw_spin_"),
    Starts("__raw_read_"),
    Starts("__raw_write_"),
    Starts("__raw_callee_save_"),
    Starts("do_raw_spin_"),
    Starts("do_raw_read_"),
    Starts("do_raw_write_"),
    Starts("arch_spin_"),
    Starts("queued_"),
    Starts("native_queued_"),
    Starts("__pv_queued_"),
    Starts("pv_queued_"),
    Starts("resilient_"),
    Starts("virt_spin_"),
    Starts("mcs_spin_"),
    Starts("osq_"),
    Starts("__lock_text_"),
    // Mutexes.
    Starts("mutex_lock"),
    Starts("mutex_optimistic_"),
    Starts("__mutex_"),
    Starts("ww_mutex_"),
    Starts("__ww_mutex_"),
    Starts("rt_mutex_"),
    Starts("__rt_mutex_"),
    Starts("_mutex_lock"),
    // Semaphores.
    Is("down"),
    Is("down_interruptible"),
    Is("down_killable"),
    Is("down_timeout"),
    Is("down_trylock"),
    Starts("__down"),
    Starts("___down"),
    Starts("down_read"),
    Starts("down_write"),
    Starts("rwsem_"),
    Starts("__rwsem_"),
    Starts("percpu_down_"),
    Starts("__percpu_down_"),
    Starts("percpu_rwsem_"),
    Starts("__percpu_rwsem_"),
    // To release a lock can take another: the spinlock around its list of waiters.
    Is("up"),
    Is("__up"),
    Starts("up_read"),
    Starts("up_write"),
    Starts("__up_read"),
    Starts("__up_write"),
    Starts("mutex_unlock"),
    Starts("percpu_up_"),
    // PREEMPT_RT.
    Starts("rtlock_"),
    Starts("__rtlock_"),
    Starts("rt_spin_"),
    Starts("__rt_spin_"),
    Starts("rt_read_"),
    Starts("rt_write_"),
    Starts("rwbase_"),
    Starts("__rwbase_"),
];

impl Name {
    fn fits(self, name: &str) -> bool {
        match self {
            Is(whole) => name == whole,
            Starts(start) => name.starts_with(start),
        }
    }
}

fn any(names: &[Name], name: &str) -> bool {
    // Compilers add suffixes to parts and copies of a function: `down.isra.0`.
    let plain = name.split_once('.').map_or(name, |(plain, _)| plain);
    names.iter().any(|pattern| pattern.fits(plain))
}

/// Where tracing ends at the latest, in frames. Further out, a BPF program would be the
/// caller's caller.
const TRACING_DEPTH: usize = 8;

/// The index of the first frame outside the locking code, of frames with the innermost
/// first. None if there is no such frame.
pub(crate) fn caller(frames: &[Option<&str>]) -> Option<usize> {
    // The program itself has no name where the kernel keeps those to itself.
    let unnamed = frames
        .iter()
        .take(TRACING_DEPTH)
        .position(|frame| frame.is_some_and(|name| any(TRACING, name)))
        .unwrap_or(0);
    let rest = frames.get(unnamed..)?;
    let tracing = rest
        .iter()
        .take_while(|frame| frame.is_some_and(|name| any(TRACING, name)))
        .count();
    let locking = rest
        .get(tracing..)?
        .iter()
        .take_while(|frame| frame.is_some_and(|name| any(LOCKING, name)))
        .count();
    let index = unnamed + tracing + locking;
    (index < frames.len()).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::{LOCKING, TRACING, any, caller};

    #[test]
    fn locking_code_is_told_from_its_callers() {
        for name in [
            "__pv_queued_spin_lock_slowpath",
            "native_queued_spin_lock_slowpath",
            "queued_read_lock_slowpath",
            "queued_write_lock_slowpath",
            "resilient_queued_spin_lock_slowpath",
            "_raw_spin_lock",
            "raw_spin_rq_lock_nested",
            "_raw_spin_lock_irqsave",
            "_raw_spin_lock_bh",
            "_raw_read_lock",
            "_raw_write_lock_irq",
            "__raw_callee_save___pv_queued_spin_unlock",
            "do_raw_spin_lock",
            "__lock_text_start",
            "osq_lock",
            "mutex_lock",
            "mutex_lock_killable",
            "mutex_lock_interruptible",
            "__mutex_lock.constprop.0",
            "__mutex_lock_slowpath",
            "__mutex_lock_killable_slowpath",
            "ww_mutex_lock",
            "__ww_mutex_lock.constprop.0",
            "rt_mutex_slowlock",
            "rt_mutex_slowlock_block.constprop.0",
            "down",
            "down.isra.0",
            "down_interruptible",
            "down_trylock",
            "__down_common",
            "___down_common",
            "down_read",
            "down_read_killable",
            "down_write",
            "rwsem_down_read_slowpath",
            "rwsem_down_write_slowpath",
            "percpu_down_write",
            "__percpu_down_read",
            "percpu_rwsem_wait",
            "up",
            "up_read",
            "mutex_unlock",
            "rtlock_slowlock_locked",
            "rt_spin_lock",
            "rwbase_write_lock.isra.0",
        ] {
            assert!(any(LOCKING, name), "{name} is locking code");
        }
        for name in [
            "fdget_pos",
            "pipe_write",
            "try_to_wake_up",
            "lock_mm_and_find_vma",
            "futex_wait_setup",
            "futex_lock_pi",
            "shutdown",
            "task_rq_lock",
            "lock_sock_nested",
            "mutex_waiter_report",
            "downgrade_write",
            "update_load_avg",
            "__up_console_sem",
            "__alloc_pages_slowpath.constprop.0",
            "mem_cgroup_track_foreign_dirty_slowpath",
            "rcuref_get_slowpath",
        ] {
            assert!(!any(LOCKING, name), "{name} is a caller");
            assert!(!any(TRACING, name), "{name} is a caller");
        }
    }

    fn caller_of<'a>(frames: &[&'a str]) -> Option<&'a str> {
        let named: Vec<_> = frames
            .iter()
            .map(|&name| (name != "?").then_some(name))
            .collect();
        caller(&named).map(|index| frames[index])
    }

    #[test]
    fn the_caller_comes_after_tracing_and_locking() {
        assert_eq!(
            caller_of(&[
                "bpf_prog_6deef7357e7b4530_contention_begin",
                "bpf_trace_run2",
                "__bpf_trace_contention_begin",
                "__traceiter_contention_begin",
                "native_queued_spin_lock_slowpath",
                "_raw_spin_lock_irqsave",
                "remove_wait_queue",
                "pipe_read",
            ]),
            Some("remove_wait_queue")
        );
        assert_eq!(
            caller_of(&["bpf_trace_run2", "__mutex_lock.constprop.0", "fdget_pos"]),
            Some("fdget_pos")
        );
    }

    #[test]
    fn a_program_without_a_name_is_still_tracing() {
        assert_eq!(
            caller_of(&["?", "bpf_trace_run2", "down_write", "do_mprotect_pkey"]),
            Some("do_mprotect_pkey")
        );
        // The last module's last function is all that a nameless address is above of.
        assert_eq!(
            caller_of(&["some_module_exit", "bpf_trace_run2", "down", "cmos_read"]),
            Some("cmos_read")
        );
    }

    #[test]
    fn a_bpf_program_that_takes_a_lock_is_not_tracing() {
        assert_eq!(
            caller_of(&[
                "bpf_prog_6deef7357e7b4530_contention_begin",
                "bpf_trace_run2",
                "resilient_queued_spin_lock_slowpath",
                "htab_map_update_elem",
                "bpf_prog_0123456789abcdef_other",
                "bpf_trace_run2",
                "schedule",
            ]),
            Some("htab_map_update_elem")
        );
    }

    #[test]
    fn a_nameless_caller_is_one_and_no_caller_is_none() {
        assert_eq!(
            caller(&[Some("bpf_trace_run2"), Some("down"), None]),
            Some(2)
        );
        assert_eq!(caller(&[Some("bpf_trace_run2"), Some("down")]), None);
        assert_eq!(caller(&[]), None);
        assert_eq!(caller(&[None, None]), Some(0));
    }
}
