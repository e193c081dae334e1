//! What the kernel has to hook onto, by its own types.

use crate::{
    doctor::Item,
    error::Result,
    probe::{kernel_types::KernelTypes, requirements::Kernel},
};

pub(super) fn items(kernel: &Result<Kernel>) -> Vec<Item> {
    const BTF: &str = "kernel-btf";
    let kernel = match kernel {
        Ok(kernel) => kernel,
        Err(error) => return vec![Item::of_error(BTF, error)],
    };
    vec![
        Item::ok(
            BTF,
            format!("the kernel shows its types ({})", KernelTypes::PATH),
        ),
        present(
            kernel.has_lock_tracepoints,
            "lock-tracepoints",
            "waits for kernel locks are seen (contention_begin, contention_end)",
            "waits for kernel locks are not seen, only those for user locks",
            "boot Linux 5.19 or later",
        ),
        present(
            kernel.has_releases,
            "contended-release",
            "releases of contended kernel locks are seen (contended_release)",
            "who had a spinlock, a rwlock or a read-locked rwsem is not known",
            "boot Linux 7.2 or later",
        ),
        scheduler(kernel),
        present(
            kernel.has_task_registers,
            "task-registers",
            "a thread's registers are read with bpf_task_pt_regs",
            "a thread's registers are read from where its kernel stack ends, as this kernel has no \
             bpf_task_pt_regs: with KASAN, where stacks are larger, user locks are not seen",
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
                "the kernel has no {}, without which user locks are not seen",
                missing.join(" and no ")
            ),
            "boot a kernel with CONFIG_TRACEPOINTS=y, as distributions' kernels are",
        );
    }
    let state = if kernel.has_prev_state {
        "tells the state of the thread that leaves"
    } else {
        "does not tell the state of the thread that leaves, which is read from the thread instead"
    };
    Item::ok(
        CODE,
        format!("waits for user locks are seen (sched_switch, sched_waking); sched_switch {state}"),
    )
}

fn owner(kernel: &Kernel, code: &'static str, structure: &str, what: &str) -> Item {
    present(
        kernel.offset(structure, "owner").is_ok(),
        code,
        &format!("who has {what} is read from the lock (struct {structure})"),
        &format!("who has {what} is not known: this kernel's struct {structure} has no owner"),
        "boot a kernel with CONFIG_SMP=y and without CONFIG_PREEMPT_RT",
    )
}
