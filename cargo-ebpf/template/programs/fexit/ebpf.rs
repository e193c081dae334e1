//! The program `count_fexit`.

use aya_ebpf::{
    macros::{btf_map, fexit},
    programs::FExitContext,
};

use crate::{Count, add_one};

/// Returns from the function.
#[btf_map]
static FEXIT_COUNT: Count = Count::new();

/// Runs when the function returns. Its arguments: `context.arg(0)`.
#[fexit(function = "vfs_open")]
pub fn count_fexit(_: FExitContext) -> i32 {
    add_one(&FEXIT_COUNT);
    0
}
