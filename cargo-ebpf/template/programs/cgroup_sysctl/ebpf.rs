//! The program `count_cgroup_sysctl`.

use aya_ebpf::{
    macros::{btf_map, cgroup_sysctl},
    programs::SysctlContext,
};

use crate::{Count, add_one};

/// Accesses.
#[btf_map]
static CGROUP_SYSCTL_COUNT: Count = Count::new();

/// Runs when a process of the cgroup reads or writes a sysctl. 1 permits it, 0 rejects it.
#[cgroup_sysctl]
pub fn count_cgroup_sysctl(_: SysctlContext) -> i32 {
    add_one(&CGROUP_SYSCTL_COUNT);
    1
}
