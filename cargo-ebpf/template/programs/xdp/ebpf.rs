//! The program `count_xdp`.

use aya_ebpf::{
    bindings::xdp_action::XDP_PASS,
    macros::{btf_map, xdp},
    programs::XdpContext,
};

use crate::{Count, add_one};

/// Packets.
#[btf_map]
static XDP_COUNT: Count = Count::new();

/// Runs for each packet that the interface receives, and lets it pass. Its bytes are
/// between `context.data()` and `context.data_end()`.
#[xdp]
pub fn count_xdp(_: XdpContext) -> u32 {
    add_one(&XDP_COUNT);
    XDP_PASS
}
