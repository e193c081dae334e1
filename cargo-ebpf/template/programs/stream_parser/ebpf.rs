//! The program `count_stream_parser`, for the sockets in the map `SOCKETS` of `count_stream_verdict`.

use aya_ebpf::{
    macros::{btf_map, stream_parser},
    programs::SkBuffContext,
};

use crate::{Count, add_one};

/// Messages.
#[btf_map]
static STREAM_PARSER_COUNT: Count = Count::new();

/// Runs when a socket receives bytes. The result is the length of the message that they begin:
/// here, all of them are one.
#[stream_parser]
pub fn count_stream_parser(context: SkBuffContext) -> u32 {
    add_one(&STREAM_PARSER_COUNT);
    context.len()
}
