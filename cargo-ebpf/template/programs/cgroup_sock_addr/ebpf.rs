//! The program `count_cgroup_sock_addr`.

use aya_ebpf::{
    macros::{btf_map, cgroup_sock_addr},
    programs::SockAddrContext,
};

use crate::{Count, add_one};

/// Connections.
#[btf_map]
static CGROUP_SOCK_ADDR_COUNT: Count = Count::new();

/// Runs when a process of the cgroup connects an IPv4 socket. 1 permits it, 0 rejects it.
#[cgroup_sock_addr(connect4)]
pub fn count_cgroup_sock_addr(_: SockAddrContext) -> i32 {
    add_one(&CGROUP_SOCK_ADDR_COUNT);
    1
}
