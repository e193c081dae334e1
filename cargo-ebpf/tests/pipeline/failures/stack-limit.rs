#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::RingBuf,
    helpers::bpf_get_current_pid_tgid,
    macros::{btf_map, xdp},
    programs::XdpContext,
};

#[repr(C)]
pub struct Event {
    pid: u64,
    path: [u8; 600],
}

#[btf_map]
static EVENTS: RingBuf<Event, 65536> = RingBuf::new();

#[xdp]
pub fn opened(_: XdpContext) -> u32 {
    //~^ ERROR stack-limit
    let event = Event {
        pid: bpf_get_current_pid_tgid(),
        path: [1; 600],
    };
    EVENTS.output(&event, 0).is_err().into()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
