//! The program `count_flow_dissector`.

use aya_ebpf::{
    bindings::bpf_ret_code,
    macros::{btf_map, flow_dissector},
    programs::FlowDissectorContext,
};

use crate::{Count, add_one};

/// Packets.
#[btf_map]
static FLOW_DISSECTOR_COUNT: Count = Count::new();

/// Runs when the kernel needs the addresses and ports of a packet. With this result, it finds
/// them itself (from Linux 6.1).
#[flow_dissector]
pub fn count_flow_dissector(_: FlowDissectorContext) -> u32 {
    add_one(&FLOW_DISSECTOR_COUNT);
    bpf_ret_code::BPF_FLOW_DISSECTOR_CONTINUE
}
