//! A timer's callback that returns whether it counted.
//@ elsewhere: unknown-function 5.10
#![no_std]
#![no_main]

use core::ffi::{c_int, c_void};

use aya_ebpf::{
    bindings::bpf_timer,
    btf_maps::Array,
    helpers::generated::{bpf_timer_init, bpf_timer_set_callback, bpf_timer_start},
    macros::{btf_map, xdp},
    programs::XdpContext,
};
use rejections as _;

rejections::license!();

#[repr(C)]
pub struct Window {
    timer: bpf_timer,
    packets: u64,
}

#[btf_map]
static WINDOW: Array<Window, 1> = Array::new();

unsafe extern "C" fn close(_: *mut c_void, _: *mut u32, window: *mut Window) -> c_int {
    //~^ ERROR return-code
    // SAFETY: the kernel passes a value of the map.
    unsafe { (*window).packets = 0 };
    1 //~ ERROR return-code
} //~ ERROR return-code

#[xdp]
pub fn count(_: XdpContext) -> u32 {
    if let Some(window) = WINDOW.get_ptr_mut(0) {
        let map = (&raw const WINDOW).cast_mut().cast();
        // SAFETY: the value lives as long as the map; the callback is a function of this program.
        unsafe {
            let timer = &raw mut (*window).timer;
            bpf_timer_init(timer, map, 1);
            bpf_timer_set_callback(timer, close as *mut c_void); //~ ERROR unknown-function
            bpf_timer_start(timer, 1_000_000_000, 0);
            (*window).packets += 1;
        }
    }
    2
}
