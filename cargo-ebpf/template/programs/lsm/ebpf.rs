//! The program `count_lsm`.

use aya_ebpf::{
    macros::{btf_map, lsm},
    programs::LsmContext,
};

use crate::{Count, add_one};

/// Files that are opened.
#[btf_map]
static LSM_COUNT: Count = Count::new();

/// Runs before a file is opened. 0 permits it, a negative errno rejects it.
#[lsm(hook = "file_open")]
pub fn count_lsm(_: LsmContext) -> i32 {
    add_one(&LSM_COUNT);
    0
}
