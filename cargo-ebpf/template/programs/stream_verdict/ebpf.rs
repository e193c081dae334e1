//! The program `count_stream_verdict`.

use aya_ebpf::{
    bindings::sk_action,
    btf_maps::SockMap,
    macros::{btf_map, stream_verdict},
    programs::SkBuffContext,
};

use crate::{Count, add_one};

/// The sockets whose messages the program sees.
#[btf_map]
static SOCKETS: SockMap<1> = SockMap::new();

/// Messages.
#[btf_map]
static STREAM_VERDICT_COUNT: Count = Count::new();

/// Runs for each message that a socket receives, and lets it pass.
#[stream_verdict]
pub fn count_stream_verdict(_: SkBuffContext) -> u32 {
    add_one(&STREAM_VERDICT_COUNT);
    sk_action::SK_PASS
}
