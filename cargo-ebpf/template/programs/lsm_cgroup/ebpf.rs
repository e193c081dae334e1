//! The program `count_lsm_cgroup`.

use aya_ebpf::{
    macros::{btf_map, lsm_cgroup},
    programs::LsmContext,
};

use crate::{Count, add_one};

/// Sockets that are created.
#[btf_map]
static LSM_CGROUP_COUNT: Count = Count::new();

/// Runs before a process of the cgroup creates a socket. 1 permits it, 0 rejects it.
#[lsm_cgroup(hook = "socket_create")]
pub fn count_lsm_cgroup(_: LsmContext) -> i32 {
    add_one(&LSM_CGROUP_COUNT);
    1
}
