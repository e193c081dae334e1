//! Capabilities: which are held, and what does not work without the others.

use ebpf_base::capability::{Capabilities, Capability, in_user_namespace};

use crate::{doctor::Item, invocation, probe::syscall};

/// How to give an unprivileged user's `lock` all capabilities that it can use.
fn all_capabilities() -> String {
    if in_user_namespace() {
        return invocation::OUTSIDE_USER_NAMESPACE.to_owned();
    }
    format!(
        "{}, or sudo setcap cap_bpf,cap_perfmon,cap_syslog,cap_sys_ptrace,\
         cap_checkpoint_restore+ep {}",
        invocation::as_root(),
        invocation::this_program()
    )
}

pub(super) fn items() -> Vec<Item> {
    let Some(held) = Capabilities::effective() else {
        return Vec::new(); // Whether /proc is there is an item of its own.
    };
    vec![
        needed(
            held,
            Capability::Bpf,
            "cap-bpf",
            "which is needed to load programs",
        ),
        needed(
            held,
            Capability::Perfmon,
            "cap-perfmon",
            "which is needed to trace the kernel",
        ),
        other_programs(held),
        statistics(),
    ]
}

fn needed(held: Capabilities, capability: Capability, code: &'static str, what: &str) -> Item {
    let name = capability.name();
    if held.permits(capability) {
        return Item::ok(code, format!("{name}, {what}, is available"));
    }
    Item::failed(
        code,
        format!("{name}, {what}, is missing: nothing can be recorded"),
        all_capabilities(),
    )
}

fn other_programs(held: Capabilities) -> Item {
    const CODE: &str = "other-users-programs";
    let missing: Vec<&str> = [Capability::SysPtrace, Capability::CheckpointRestore]
        .into_iter()
        .filter(|&capability| !held.permits(capability))
        .map(Capability::name)
        .collect();
    if missing.is_empty() {
        return Item::ok(CODE, "function names of all users' programs are available");
    }
    Item::limited(
        CODE,
        format!(
            "function names of other users' programs and of deleted files are unavailable: \
             missing {}",
            missing.join(" and ")
        ),
        all_capabilities(),
    )
}

fn statistics() -> Item {
    const CODE: &str = "run-time-statistics";
    match syscall::enable_run_time_statistics() {
        Ok(_) => Item::ok(CODE, "the overhead of the BPF programs can be measured"),
        Err(error) => Item::limited(
            CODE,
            format!(
                "the overhead of the BPF programs cannot be measured: timing them needs \
                 CAP_SYS_ADMIN ({error})"
            ),
            format!(
                "sudo sysctl kernel.bpf_stats_enabled=1 (times all BPF programs all the time), \
                 or {}",
                invocation::as_root()
            ),
        ),
    }
}
