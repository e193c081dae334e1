//! The program `count_kretprobe`.

use aya_ebpf::{
    macros::{btf_map, kretprobe},
    programs::RetProbeContext,
};

use crate::{Count, add_one};

/// Returns from the function.
#[btf_map]
static KRETPROBE_COUNT: Count = Count::new();

/// Runs when the function returns. Its result: `context.ret()`.
#[kretprobe]
pub fn count_kretprobe(_: RetProbeContext) -> u32 {
    add_one(&KRETPROBE_COUNT);
    0
}
