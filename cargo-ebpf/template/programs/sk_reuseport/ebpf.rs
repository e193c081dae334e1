//! The program `count_sk_reuseport`.

use aya_ebpf::{
    bindings::sk_action,
    macros::{btf_map, sk_reuseport},
    programs::SkReuseportContext,
};

use crate::{Count, add_one};

/// Packets.
#[btf_map]
static SK_REUSEPORT_COUNT: Count = Count::new();

/// Runs for each packet, to choose a socket among those that share a port. With SK_PASS, the
/// kernel chooses.
#[sk_reuseport]
pub fn count_sk_reuseport(_: SkReuseportContext) -> u32 {
    add_one(&SK_REUSEPORT_COUNT);
    sk_action::SK_PASS
}
