//! What most Aya projects have: `#[map]`, in the section that libbpf refuses.
#![no_std]
#![no_main]

use aya_ebpf::{
    macros::{map, tracepoint},
    maps::{HashMap, LruPerCpuHashMap},
    programs::TracePointContext,
};

#[map]
static SWITCHES: HashMap<u32, u64> = HashMap::with_max_entries(64, 1);
#[map(name = "LATEST")]
static RECENT: LruPerCpuHashMap<[u8; 16], u32> = LruPerCpuHashMap::pinned(256, 0);

#[tracepoint(category = "sched", name = "sched_switch")]
pub fn switch(_: TracePointContext) -> u32 {
    let _ = SWITCHES.insert(&0, &1, 0);
    let _ = RECENT.insert(&[0; 16], &1, 0);
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
