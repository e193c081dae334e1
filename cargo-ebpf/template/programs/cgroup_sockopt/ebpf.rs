//! The program `count_cgroup_sockopt`.

use aya_ebpf::{
    macros::{btf_map, cgroup_sockopt},
    programs::SockoptContext,
};

use crate::{Count, add_one};

/// Calls.
#[btf_map]
static CGROUP_SOCKOPT_COUNT: Count = Count::new();

/// The longest value of an option that the kernel shows to programs: a page.
const LONGEST: i32 = 4096;

/// Runs when a process of the cgroup calls setsockopt(2). 1 permits it, 0 rejects it.
#[cgroup_sockopt(setsockopt)]
pub fn count_cgroup_sockopt(context: SockoptContext) -> i32 {
    add_one(&CGROUP_SOCKOPT_COUNT);
    let option = context.sockopt;
    // SAFETY: the kernel passes a valid context.
    unsafe {
        if (*option).optlen > LONGEST {
            // Without this, the call would fail, as the kernel cannot show the whole value.
            (*option).optlen = 0;
        }
    }
    1
}
