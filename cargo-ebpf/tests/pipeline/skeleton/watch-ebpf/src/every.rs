//! Programs and maps of every type that Aya has, for a skeleton that is only compiled.
#![no_std]
#![no_main]

use core::sync::atomic::AtomicU64;

use aya_ebpf::bindings::bpf_map_def;

macro_rules! programs {
    ($($section:literal $name:ident)*) => {
        $(
            #[unsafe(no_mangle)]
            #[unsafe(link_section = $section)]
            pub extern "C" fn $name(_: *mut u8) -> i32 {
                0
            }
        )*
    };
}

programs! {
    "cgroup/connect4" connect
    "cgroup/dev" device
    "cgroup/getsockopt" option
    "cgroup/skb" any_packet
    "cgroup/sock_create" create
    "cgroup/sysctl" sysctl
    "cgroup_skb/ingress" ingress
    "classifier" classified
    "fentry" entry
    "fentry.s/vfs_read" sleepable
    "fexit/vfs_read" exit
    "flow_dissector" dissector
    "freplace/function" replacement
    "iter/task" iterator
    "kprobe" chosen
    "kprobe/vfs_read+8" inside
    "kretprobe/vfs_read" returned
    "lirc_mode2" infrared
    "lsm/file_open" open
    "lsm_cgroup/socket_bind" bind
    "perf_event" event
    "raw_tp" raw
    "sk_lookup" lookup
    "sk_msg" message
    "sk_reuseport" reuse
    "sk_skb/stream_parser" parser
    "sk_skb/stream_verdict" verdict
    "socket" packet
    "sockops" operations
    "tp_btf" typed
    "tracepoint" trace
    "uprobe/libc:malloc" allocated
    "uprobe/usr/bin/sh:main" shell
    "uretprobe.s" user_returned
    "xdp/devmap" redirected
    "xdp.frags" fragments
}

/// A map whose type has this number in the kernel's bpf.h.
const fn map(number: u32, key: u32, value: u32) -> bpf_map_def {
    bpf_map_def {
        type_: number,
        key_size: key,
        value_size: value,
        max_entries: 1,
        map_flags: 0,
        id: 0,
        pinning: 0,
    }
}

macro_rules! maps {
    ($($name:ident $number:literal $key:literal $value:literal)*) => {
        $(
            #[unsafe(no_mangle)]
            #[unsafe(link_section = "maps")]
            static $name: bpf_map_def = map($number, $key, $value);
        )*
    };
}

maps! {
    ARRAY 2 4 8
    BLOOM_FILTER 30 0 4
    CGROUPS 8 4 4
    CGROUP_STORAGE 19 12 4
    CPUS 16 4 4
    DEVICES 14 4 4
    DEVICES_BY_HASH 25 4 4
    FILES 28 4 8
    HASH 1 4 8
    INNER 12 4 4
    INNER_BY_HASH 13 8 4
    LRU 9 3 5
    PER_CPU 6 4 8
    PER_CPU_HASH 5 4 8
    PREFIXES 11 8 8
    QUEUE 22 0 8
    REUSE 20 4 8
    SOCKETS 15 4 4
    SOCKETS_BY_HASH 18 16 4
    SOCKET_STORAGE 24 4 8
    STACK 23 0 8
    TASKS 29 4 8
    XSKS 17 4 4
}

#[unsafe(no_mangle)]
static COUNTER: AtomicU64 = AtomicU64::new(1);

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
