//! The program `count_uprobe`.

use aya_ebpf::{
    macros::{btf_map, uprobe},
    programs::ProbeContext,
};

use crate::{Count, add_one};

/// Calls of the function.
#[btf_map]
static UPROBE_COUNT: Count = Count::new();

/// Runs when the function is called. Its arguments: `context.arg(0)`.
#[uprobe]
pub fn count_uprobe(_: ProbeContext) -> u32 {
    add_one(&UPROBE_COUNT);
    0
}
