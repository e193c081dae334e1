//! Sections that libbpf knows and aya-obj 0.3.0 does not, as C objects have them, and
//! one that nobody knows. A single such section makes aya-obj refuse an object.
#![no_std]
#![no_main]

use core::ffi::c_void;

use verify_fixtures as _;

verify_fixtures::license!();

#[unsafe(no_mangle)]
#[unsafe(link_section = "tc")]
pub extern "C" fn classify(_: *mut c_void) -> i32 {
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "syscall")]
pub extern "C" fn by_hand(_: *mut c_void) -> i32 {
    0
}

/// Refused: reads its context far outside.
#[unsafe(no_mangle)]
#[unsafe(link_section = "action")]
pub extern "C" fn outside(context: *mut c_void) -> i32 {
    // SAFETY: unsound; the verifier has to find this.
    unsafe { context.cast::<i32>().add(4000).read_volatile() }
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "fmod_ret/bpf_modify_return_test")]
pub extern "C" fn modify(_: *mut c_void) -> i32 {
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "freplace/other")]
pub extern "C" fn replace(_: *mut c_void) -> i32 {
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "nobody/knows")]
pub extern "C" fn unknown(_: *mut c_void) -> i32 {
    0
}
