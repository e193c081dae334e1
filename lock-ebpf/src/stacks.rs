//! Kernel stacks, kept once each.

use aya_ebpf::{
    btf_maps::StackTrace,
    macros::btf_map,
    programs::{BtfTracePointContext, tracing::StackIdContext as _},
};
use lock_common::Counter;

/// Stack id -> return addresses. The id is a hash cut to the size of the map, so that
/// most places must stay empty for collisions to be rare.
#[btf_map]
static STACKS: StackTrace<16384> = StackTrace::new();

/// `EFAULT` and `EEXIST` of the kernel's `uapi/asm-generic/errno-base.h`.
const EFAULT: i32 = 14;
const EEXIST: i32 = 17;

/// The id of the current kernel stack, or the counter that says why there is none.
///
/// Without `BPF_F_REUSE_STACKID` and `BPF_F_FAST_STACK_CMP`: an id never changes what
/// it stands for, and stacks are compared whole.
#[inline(always)] // Its one caller is the program itself.
pub fn current(ctx: &BtfTracePointContext) -> Result<i32, Counter> {
    match ctx.get_stackid(&STACKS, 0) {
        Ok(id) => Ok(id as i32),
        Err(error) => Err(match -error {
            EEXIST => Counter::StackCollision,
            EFAULT => Counter::StackUnreadable,
            _ => Counter::StackNoMemory,
        }),
    }
}
