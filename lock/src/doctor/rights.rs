//! Rights: which are held, and what does not work without the others.

use crate::{
    doctor::Item,
    probe::{
        rights::{Right, Rights},
        syscall,
    },
};

/// How to give all rights that are of use to an unprivileged user's `lock`.
const ALL_RIGHTS: &str = "sudo lock ..., or `sudo setcap cap_bpf,cap_perfmon,cap_syslog,\
                          cap_sys_ptrace,cap_checkpoint_restore+ep \"$(command -v lock)\"`";

pub(super) fn items() -> Vec<Item> {
    let Some(rights) = Rights::held() else {
        return Vec::new(); // Whether /proc is there is an item of its own.
    };
    vec![
        needed(rights, Right::Bpf, "cap-bpf", "CAP_BPF", "to load programs"),
        needed(
            rights,
            Right::Perfmon,
            "cap-perfmon",
            "CAP_PERFMON",
            "to trace the kernel",
        ),
        other_programs(rights),
        statistics(),
    ]
}

fn needed(rights: Rights, right: Right, code: &'static str, name: &str, what: &str) -> Item {
    if rights.has(right) {
        return Item::ok(code, format!("{name}, {what}, is held"));
    }
    Item::failed(
        code,
        format!("{name}, {what}, is missing: nothing can be recorded"),
        ALL_RIGHTS,
    )
}

fn other_programs(rights: Rights) -> Item {
    const CODE: &str = "other-users-programs";
    let missing: Vec<&str> = [
        (Right::SysPtrace, "CAP_SYS_PTRACE"),
        (Right::CheckpointRestore, "CAP_CHECKPOINT_RESTORE"),
    ]
    .into_iter()
    .filter_map(|(right, name)| (!rights.has(right)).then_some(name))
    .collect();
    if missing.is_empty() {
        return Item::ok(CODE, "functions of all users' programs can be named");
    }
    Item::limited(
        CODE,
        format!(
            "functions of other users' programs, and of files that were deleted, cannot be named: \
             missing {}",
            missing.join(" and ")
        ),
        ALL_RIGHTS,
    )
}

fn statistics() -> Item {
    const CODE: &str = "run-time-statistics";
    match syscall::enable_run_time_statistics() {
        Ok(_) => Item::ok(CODE, "the kernel tells what the hooks cost"),
        Err(error) => Item::limited(
            CODE,
            format!(
                "what the hooks cost is not told: the kernel times BPF programs for CAP_SYS_ADMIN only ({error})"
            ),
            "sudo sysctl kernel.bpf_stats_enabled=1 (times all BPF programs all the time), or \
             sudo lock ...",
        ),
    }
}
