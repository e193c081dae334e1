//! Accepted: two programs of different types, BTF maps of several kinds, a function
//! that is called, and all three sections of global data.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::{HashMap, PerCpuArray, RingBuf},
    macros::{btf_map, btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};
use verify_fixtures as _;

verify_fixtures::license!();

#[btf_map]
static COUNT_BY_LOCK: HashMap<u64, u64, 64> = HashMap::new();

#[btf_map]
static TOTALS: PerCpuArray<u64, 4> = PerCpuArray::new();

/// Not a power of two pages: whoever creates it has to round it. Its entries have no
/// type: with one, Aya states two sizes, and libbpf 1.1 refuses it ("conflicting value
/// size 8 != 0").
#[btf_map]
static EVENTS: RingBuf<(), 12288> = RingBuf::new();

/// .rodata, read through a volatile access as Aya's globals are.
#[unsafe(no_mangle)]
static MINIMUM: u64 = 7;
/// .data
#[unsafe(no_mangle)]
static mut NEXT: u64 = 3;
/// .bss
#[unsafe(no_mangle)]
static mut SEEN: u64 = 0;

#[inline(never)]
fn count(lock: u64) -> u64 {
    let seen = COUNT_BY_LOCK.get_ptr_mut(&lock).map_or(0, |count| {
        // SAFETY: the pointer is into the map, whose values live as long as it does.
        unsafe {
            *count += 1;
            *count
        }
    });
    // SAFETY: a race may lose a count.
    unsafe {
        SEEN += 1;
        seen + SEEN
    }
}

#[btf_tracepoint(function = "sched_switch")]
pub fn sched_switch(ctx: BtfTracePointContext) -> i32 {
    let task: u64 = ctx.arg(1);
    // SAFETY: a static that is never written.
    let minimum = unsafe { core::ptr::read_volatile(&raw const MINIMUM) };
    if count(task) > minimum {
        if let Some(mut event) = EVENTS.reserve_bytes(8, 0) {
            event.fill(1);
            event.submit(0);
        }
    }
    0
}

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn sys_enter(_: RawTracePointContext) -> i32 {
    // SAFETY: a race may lose a count.
    unsafe { NEXT += 1 };
    if let Some(total) = TOTALS.get_ptr_mut(1) {
        // SAFETY: this CPU's value, which no other program writes.
        unsafe { *total += count(1) };
    }
    0
}
