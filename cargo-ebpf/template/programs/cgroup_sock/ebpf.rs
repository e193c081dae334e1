//! The program `count_cgroup_sock`.

use aya_ebpf::{
    macros::{btf_map, cgroup_sock},
    programs::SockContext,
};

use crate::{Count, add_one};

/// Sockets.
#[btf_map]
static CGROUP_SOCK_COUNT: Count = Count::new();

/// Runs when a process of the cgroup creates an IP socket. 1 permits it, 0 rejects it.
#[cgroup_sock(sock_create)]
pub fn count_cgroup_sock(_: SockContext) -> i32 {
    add_one(&CGROUP_SOCK_COUNT);
    1
}
