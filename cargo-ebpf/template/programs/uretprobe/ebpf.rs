//! The program `count_uretprobe`.

use aya_ebpf::{
    macros::{btf_map, uretprobe},
    programs::RetProbeContext,
};

use crate::{Count, add_one};

/// Returns from the function.
#[btf_map]
static URETPROBE_COUNT: Count = Count::new();

/// Runs when the function returns. Its result: `context.ret()`.
#[uretprobe]
pub fn count_uretprobe(_: RetProbeContext) -> u32 {
    add_one(&URETPROBE_COUNT);
    0
}
