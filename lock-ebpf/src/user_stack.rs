//! A copy of the top of a user stack. It is unwound in user space: most programs have no
//! frame pointers, without which the kernel cannot walk it.

use core::ffi::c_void;

use aya_ebpf::{Global, helpers::generated::bpf_probe_read_user};
use lock_common::{EventWithStack, USER_STACK, USER_STACK_PORTION};

use crate::{arch::Register, task::Registers};

/// How many portions are copied at the most. Set by the loader.
#[unsafe(no_mangle)]
static USER_STACK_PORTIONS: Global<u32> = Global::new(8);

/// The size of the smallest page.
const PAGE: u64 = 4096;

/// Copies from the stack pointer upwards what can be read without a page fault, and tells the
/// registers to unwind from. How many bytes are there stands in the event.
#[inline(always)]
pub fn copy(registers: Registers, to: &mut EventWithStack) {
    let sp = registers.get(Register::Sp);
    to.event.ip = registers.get(Register::Ip);
    to.event.sp = sp;
    to.event.bp = registers.get(Register::Bp);
    to.event.user_bytes = 0;
    let portions = USER_STACK_PORTIONS.load() as usize;
    for portion in 0..USER_STACK / USER_STACK_PORTION {
        if portion >= portions {
            break;
        }
        let begin = portion * USER_STACK_PORTION;
        let from = sp.wrapping_add(begin as u64);
        if read(to, begin, from, USER_STACK_PORTION as u32) {
            to.event.user_bytes = (begin + USER_STACK_PORTION) as u32;
            continue;
        }
        // The stack may end within the portion, at the end of a page: those of musl's threads have
        // less than a portion above their outermost frame.
        let rest = (PAGE - from % PAGE) as u32;
        if rest < USER_STACK_PORTION as u32 && read(to, begin, from, rest) {
            to.event.user_bytes = begin as u32 + rest;
        }
        break;
    }
}

/// Copies so many bytes, at most a portion, to a place that begins a portion.
#[inline(always)]
fn read(to: &mut EventWithStack, begin: usize, from: u64, bytes: u32) -> bool {
    // SAFETY: the portion is within the array: the loop ends before. The helper checks the
    // address in user space.
    let result = unsafe {
        bpf_probe_read_user(
            (&raw mut to.stack).cast::<u8>().add(begin).cast::<c_void>(),
            bytes,
            from as *const c_void,
        )
    };
    result == 0
}
