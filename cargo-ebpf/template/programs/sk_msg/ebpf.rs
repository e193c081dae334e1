//! The program `count_sk_msg`.

use aya_ebpf::{
    bindings::sk_action,
    btf_maps::SockMap,
    macros::{btf_map, sk_msg},
    programs::SkMsgContext,
};

use crate::{Count, add_one};

/// The sockets whose messages the program sees.
#[btf_map]
static SENDERS: SockMap<1> = SockMap::new();

/// Messages.
#[btf_map]
static SK_MSG_COUNT: Count = Count::new();

/// Runs for each message that a socket sends, and lets it pass.
#[sk_msg]
pub fn count_sk_msg(_: SkMsgContext) -> u32 {
    add_one(&SK_MSG_COUNT);
    sk_action::SK_PASS
}
