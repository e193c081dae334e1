//! The program `count_sk_lookup`.

use aya_ebpf::{
    bindings::sk_action,
    macros::{btf_map, sk_lookup},
    programs::SkLookupContext,
};

use crate::{Count, add_one};

/// Lookups.
#[btf_map]
static SK_LOOKUP_COUNT: Count = Count::new();

/// Runs when the kernel looks for the listening socket of a packet. With SK_PASS, it continues
/// as usual.
#[sk_lookup]
pub fn count_sk_lookup(_: SkLookupContext) -> u32 {
    add_one(&SK_LOOKUP_COUNT);
    sk_action::SK_PASS
}
