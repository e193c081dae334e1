#![no_std]
#![no_main]
use aya_ebpf::{btf_maps::HashMap, macros::{btf_map, btf_tracepoint}, programs::BtfTracePointContext};

#[btf_map]
static COUNTS: HashMap<u64, u64, 1024> = HashMap::new();

#[btf_tracepoint(function = "contention_begin")]
pub fn contention_begin(ctx: BtfTracePointContext) -> i32 {
    let lock: u64 = ctx.arg(0);
    let _ = COUNTS.insert(&lock, &1, 0);
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
