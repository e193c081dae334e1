//! The program `count_kprobe`.

use aya_ebpf::{
    macros::{btf_map, kprobe},
    programs::ProbeContext,
};

use crate::{Count, add_one};

/// Calls of the function.
#[btf_map]
static KPROBE_COUNT: Count = Count::new();

/// Runs when the function is called. Its arguments: `context.arg(0)`.
#[kprobe]
pub fn count_kprobe(_: ProbeContext) -> u32 {
    add_one(&KPROBE_COUNT);
    0
}
