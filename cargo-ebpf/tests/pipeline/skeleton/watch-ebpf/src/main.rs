//! Programs of several types, and maps and global variables with values of several types.
#![no_std]
#![no_main]

use core::ptr;

use aya_ebpf::{
    Global,
    btf_maps::{Array, HashMap, PerCpuArray, RingBuf},
    helpers::bpf_get_current_pid_tgid,
    macros::{
        btf_map, btf_tracepoint, cgroup_skb, kprobe, map, raw_tracepoint, tracepoint, uprobe, xdp,
    },
    maps::{LruHashMap, PerCpuHashMap, PerfEventArray, ProgramArray, StackTrace},
    programs::{
        BtfTracePointContext, ProbeContext, RawTracePointContext, SkBuffContext, TracePointContext,
        XdpContext,
    },
};
use watch_common::Traffic;

/// What only the programs know.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Own {
    first: u32,
    second: u16,
}

#[btf_map]
static CALLS: HashMap<u32, u64, 64> = HashMap::new();
#[btf_map]
static TRAFFIC: Array<Traffic, 2> = Array::new();
#[btf_map]
static PER_CPU: PerCpuArray<[u16; 4], 1> = PerCpuArray::new();
#[btf_map]
static EVENTS: RingBuf<u64, 4096> = RingBuf::new();
#[map]
static OWN: LruHashMap<[u8; 16], Own> = LruHashMap::with_max_entries(16, 0);
#[map]
static FLAGS: PerCpuHashMap<i8, bool> = PerCpuHashMap::with_max_entries(16, 0);
#[map]
static SAMPLES: PerfEventArray<Traffic> = PerfEventArray::new(0);
#[map]
static JUMPS: ProgramArray = ProgramArray::with_max_entries(4, 0);
#[map]
static STACKS: StackTrace = StackTrace::with_max_entries(4, 0);

#[unsafe(no_mangle)]
static TARGET_PID: Global<u32> = Global::new(0);
#[unsafe(no_mangle)]
static VERBOSE: Global<bool> = Global::new(false);
#[unsafe(no_mangle)]
static LIMITS: Global<[u16; 3]> = Global::new([1, 2, 3]);
#[unsafe(no_mangle)]
static START: Global<Traffic> = Global::new(Traffic {
    packets: 1,
    bytes: 2,
});
#[unsafe(no_mangle)]
static mut SEEN: u64 = 7;
#[unsafe(no_mangle)]
static mut ZEROED: i32 = 0;

fn count(by: u32) -> u32 {
    let pid = (bpf_get_current_pid_tgid() >> 32) as u32;
    let target = TARGET_PID.load();
    if target != 0 && pid != target {
        return 0;
    }
    // SAFETY: an approximate count is enough here.
    unsafe { SEEN += 1 };
    if let Some(calls) = CALLS.get_ptr_mut(by) {
        // SAFETY: the entry is not removed.
        unsafe { *calls += 1 };
    } else {
        let _ = CALLS.insert(by, 1, 0);
    }
    0
}

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn enter(_: RawTracePointContext) -> i32 {
    let _ = OWN.insert(
        [0; 16],
        Own {
            first: 1,
            second: 2,
        },
        0,
    );
    if let Some(traffic) = TRAFFIC.get_ptr_mut(1) {
        // SAFETY: the entry is not removed.
        unsafe { *traffic = START.load() };
    }
    // SAFETY: the loader has set it before.
    let zeroed = unsafe { ptr::read_volatile(&raw const ZEROED) };
    let _ = CALLS.insert(10, zeroed as u64, 0);
    // SAFETY: an approximate count is enough here.
    let _ = CALLS.insert(11, unsafe { SEEN }, 0);
    count(1) as i32
}

#[tracepoint(category = "syscalls", name = "sys_enter_getppid")]
pub fn getppid(context: TracePointContext) -> u32 {
    SAMPLES.output(&context, START.load(), 0);
    count(2)
}

#[btf_tracepoint(function = "sched_process_exec")]
pub fn exec(_: BtfTracePointContext) -> i32 {
    let _ = EVENTS.output(u64::from(LIMITS.load()[1]), 0);
    count(3) as i32
}

#[kprobe(function = "do_unlinkat")]
pub fn unlink(context: ProbeContext) -> u32 {
    // SAFETY: the map has no program.
    let _ = unsafe { JUMPS.tail_call(&context, 0) };
    count(4)
}

#[uprobe]
pub fn user(_: ProbeContext) -> u32 {
    let _ = FLAGS.insert(-1, VERBOSE.load(), 0);
    count(5)
}

#[xdp]
pub fn r#loop(context: XdpContext) -> u32 {
    if let Some(traffic) = TRAFFIC.get_ptr_mut(0) {
        // SAFETY: approximate counts are enough here.
        unsafe {
            (*traffic).packets += 1;
            (*traffic).bytes += (context.data_end() - context.data()) as u64;
        }
    }
    2
}

#[cgroup_skb(egress)]
pub fn egress(_: SkBuffContext) -> i32 {
    if let Some(slots) = PER_CPU.get_ptr_mut(0) {
        // SAFETY: the slots are this CPU's.
        unsafe { (*slots)[1] += 1 };
    }
    1
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
