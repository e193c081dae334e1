//! A bit of everything that Aya puts into an object with BTF maps.
#![no_std]
#![no_main]

use core::ptr;

use aya_ebpf::{
    btf_maps::{Array, HashMap, PerCpuArray, RingBuf},
    helpers::bpf_get_smp_processor_id,
    macros::{btf_map, btf_tracepoint, kprobe, xdp},
    programs::{BtfTracePointContext, ProbeContext, XdpContext},
};

#[btf_map]
static COUNTS: HashMap<u64, [u32; 3], 1024> = HashMap::new();
#[btf_map]
static PER_CPU: PerCpuArray<[u64; 4], 16> = PerCpuArray::new();
#[btf_map]
static EVENTS: RingBuf<u64, 65536> = RingBuf::new();
#[btf_map]
static LIMITS: Array<u16, 10> = Array::new();

#[unsafe(no_mangle)]
static PID: u32 = 0;

#[btf_tracepoint(function = "contention_begin")]
pub fn contention_begin(ctx: BtfTracePointContext) -> i32 {
    let lock: u64 = ctx.arg(0);
    count(lock);
    0
}

#[kprobe(function = "do_unlinkat")]
pub fn unlink(_: ProbeContext) -> u32 {
    // SAFETY: PID is a valid static, which the loader may have replaced.
    count(unsafe { ptr::read_volatile(&raw const PID) }.into());
    0
}

#[xdp]
pub fn pass(_: XdpContext) -> u32 {
    // SAFETY: the helper takes nothing.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    if let Some(limit) = LIMITS.get(cpu) {
        let _ = EVENTS.output(u64::from(*limit), 0);
    }
    if let Some(slots) = PER_CPU.get_ptr_mut(0) {
        // SAFETY: the slot is this CPU's own.
        unsafe { (*slots)[1] += 1 };
    }
    2
}

#[inline(never)]
fn count(key: u64) {
    let _ = COUNTS.insert(&key, &[1, 2, 3], 0);
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
