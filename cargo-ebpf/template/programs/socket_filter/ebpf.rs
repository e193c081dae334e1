//! The program `count_socket_filter`.

use aya_ebpf::{
    macros::{btf_map, socket_filter},
    programs::SkBuffContext,
};

use crate::{Count, add_one};

/// Packets.
#[btf_map]
static SOCKET_FILTER_COUNT: Count = Count::new();

/// Runs for each packet that the socket receives. The result is how many of its bytes are kept.
#[socket_filter]
pub fn count_socket_filter(context: SkBuffContext) -> i64 {
    add_one(&SOCKET_FILTER_COUNT);
    context.len().into()
}
