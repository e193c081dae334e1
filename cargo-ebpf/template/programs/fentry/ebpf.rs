//! The program `count_fentry`.

use aya_ebpf::{
    macros::{btf_map, fentry},
    programs::FEntryContext,
};

use crate::{Count, add_one};

/// Calls of the function.
#[btf_map]
static FENTRY_COUNT: Count = Count::new();

/// Runs when the function is called. Its arguments: `context.arg(0)`.
#[fentry(function = "vfs_open")]
pub fn count_fentry(_: FEntryContext) -> i32 {
    add_one(&FENTRY_COUNT);
    0
}
