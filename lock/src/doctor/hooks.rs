//! What the kernel has to hook onto, by its own types.

use ebpf_base::btf;

use crate::{doctor::Item, error::Result, probe::requirements::Kernel};

pub(super) fn items(kernel: &Result<Kernel>) -> Vec<Item> {
    const BTF: &str = "kernel-btf";
    let kernel = match kernel {
        Ok(kernel) => kernel,
        Err(error) => return vec![Item::of_error(BTF, error)],
    };
    vec![
        Item::ok(BTF, format!("kernel BTF is available ({})", btf::VMLINUX)),
        present(
            kernel.has_lock_tracepoints,
            "lock-tracepoints",
            "waits for kernel locks are traced (contention_begin, contention_end)",
            "waits for kernel locks cannot be traced, only those for user locks",
            "boot Linux 5.19 or later",
        ),
        present(
            kernel.has_releases,
            "contended-release",
            "releases of contended kernel locks are traced (contended_release)",
            "the holders of kernel locks other than mutexes and write-locked rwsems are unknown",
            "boot Linux 7.2 or later",
        ),
        scheduler(kernel),
        present(
            kernel.has_task_registers,
            "task-registers",
            "thread registers are read with bpf_task_pt_regs",
            "this kernel lacks bpf_task_pt_regs, so thread registers are read from the end of the \
             kernel stack. If the kernel was built with KASAN, its stacks are larger, this fails, and \
             user locks cannot be traced",
            "boot Linux 5.15 or later",
        ),
        owner(kernel, "mutex-owner", "mutex", "a kernel mutex"),
        owner(
            kernel,
            "rwsem-owner",
            "rw_semaphore",
            "a write-locked rwsem",
        ),
    ]
}

fn present(present: bool, code: &'static str, with: &str, without: &str, fix: &str) -> Item {
    if present {
        Item::ok(code, with)
    } else {
        Item::limited(code, without, fix)
    }
}

fn scheduler(kernel: &Kernel) -> Item {
    const CODE: &str = "scheduler-tracepoints";
    let missing: Vec<&str> = ["sched_switch", "sched_waking"]
        .into_iter()
        .filter(|name| !kernel.has_tracepoint(name))
        .collect();
    if !missing.is_empty() {
        return Item::failed(
            CODE,
            format!(
                "the kernel has no {}: user locks cannot be traced",
                missing.join(" and no ")
            ),
            "boot a kernel with CONFIG_TRACEPOINTS=y, as distributions build it",
        );
    }
    let state = if kernel.has_prev_state {
        "reports the state of the previous thread"
    } else {
        "does not report the state of the previous thread: the state is read from its task_struct"
    };
    Item::ok(
        CODE,
        format!(
            "waits for user locks are traced (sched_switch, sched_waking); sched_switch {state}"
        ),
    )
}

fn owner(kernel: &Kernel, code: &'static str, structure: &str, what: &str) -> Item {
    present(
        kernel.offset(structure, "owner").is_ok(),
        code,
        &format!("the holder of {what} is read from the lock (struct {structure})"),
        &format!(
            "the holder of {what} is unknown: struct {structure} has no field `owner` on this \
             kernel"
        ),
        "boot a kernel with CONFIG_SMP=y and without CONFIG_PREEMPT_RT",
    )
}
