//! The program `count_sock_ops`.

use aya_ebpf::{
    macros::{btf_map, sock_ops},
    programs::SockOpsContext,
};

use crate::{Count, add_one};

/// Events.
#[btf_map]
static SOCK_OPS_COUNT: Count = Count::new();

/// Runs when a TCP connection of the cgroup changes. Which event it is: `context.op()`.
#[sock_ops]
pub fn count_sock_ops(_: SockOpsContext) -> u32 {
    add_one(&SOCK_OPS_COUNT);
    1
}
