//! The program `count_cgroup_skb`.

use aya_ebpf::{
    macros::{btf_map, cgroup_skb},
    programs::SkBuffContext,
};

use crate::{Count, add_one};

/// Packets.
#[btf_map]
static CGROUP_SKB_COUNT: Count = Count::new();

/// Runs for each packet that a process of the cgroup receives. 1 lets it pass, 0 drops it.
#[cgroup_skb(ingress)]
pub fn count_cgroup_skb(_: SkBuffContext) -> i32 {
    add_one(&CGROUP_SKB_COUNT);
    1
}
