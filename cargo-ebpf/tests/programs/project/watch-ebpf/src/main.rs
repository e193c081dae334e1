//! Programs of the types that a kernel can run for a test.
#![no_std]
#![no_main]

use aya_ebpf::{
    bindings::{
        TC_ACT_OK,
        xdp_action::{XDP_DROP, XDP_PASS},
    },
    btf_maps::{Array, HashMap},
    macros::{btf_map, classifier, raw_tracepoint, xdp},
    programs::{RawTracePointContext, TcContext, XdpContext},
};

/// Packets by what became of them: let through, dropped.
#[btf_map]
static COUNTS: Array<u64, 2> = Array::new();

/// UDP ports, in network byte order, whose packets are dropped.
#[btf_map]
static BLOCKED: HashMap<u16, u8, 16> = HashMap::new();

/// The last arguments that the tracepoint had.
#[btf_map]
static SEEN: Array<u64, 2> = Array::new();

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const UDP: u8 = 17;

/// Drops what is for a blocked port.
#[xdp]
pub fn watch(packet: XdpContext) -> u32 {
    let blocked = destination_port(&packet).is_some_and(|port| {
        // SAFETY: the value is not looked at.
        unsafe { BLOCKED.get(port) }.is_some()
    });
    let (index, action) = if blocked { (1, XDP_DROP) } else { (0, XDP_PASS) };
    if let Some(count) = COUNTS.get_ptr_mut(index) {
        // SAFETY: the slot is valid until the program ends; a lost count does no harm.
        unsafe { *count += 1 };
    }
    action
}

fn destination_port(packet: &XdpContext) -> Option<u16> {
    let protocol: u8 = read(packet, ETHERNET + 9)?;
    (protocol == UDP).then(|| read(packet, ETHERNET + IPV4 + 2))?
}

fn read<T: Copy>(packet: &XdpContext, offset: usize) -> Option<T> {
    let at = packet.data() + offset;
    // SAFETY: the place lies within the packet.
    (at + size_of::<T>() <= packet.data_end())
        .then(|| unsafe { core::ptr::read_unaligned(at as *const T) })
}

/// Marks each packet with its length.
#[classifier]
pub fn mark(packet: TcContext) -> i32 {
    packet.set_mark(packet.len());
    TC_ACT_OK
}

/// Reads a byte without comparing with the packet's end, so every kernel rejects it.
#[xdp]
pub fn unchecked(packet: XdpContext) -> u32 {
    let protocol = (packet.data() + ETHERNET + 9) as *const u8;
    // SAFETY: unsound, but the verifier rejects it, so that it never runs.
    u32::from(unsafe { *protocol })
}

/// Keeps the first two arguments.
#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn keep(context: RawTracePointContext) -> i32 {
    for index in 0..2 {
        if let Some(seen) = SEEN.get_ptr_mut(index as u32) {
            // SAFETY: sys_enter has two arguments; the slot is valid.
            unsafe { *seen = context.arg(index) };
        }
    }
    0
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
