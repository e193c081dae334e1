//! A copy of the top of a user stack. It is unwound in user space: most programs have no
//! frame pointers, without which the kernel cannot walk it.

use core::ffi::c_void;

use aya_ebpf::{Global, helpers::generated::bpf_probe_read_user};
use lock_common::{EventWithStack, USER_STACK, USER_STACK_PORTION};

use crate::{arch::Register, task::Registers};

/// How many portions are copied at the most. Set by the loader.
#[unsafe(no_mangle)]
static USER_STACK_PORTIONS: Global<u32> = Global::new(8);

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
        // SAFETY: the portion is within the array: the loop ends before. The helper checks
        // the address in user space.
        let result = unsafe {
            bpf_probe_read_user(
                (&raw mut to.stack).cast::<u8>().add(begin).cast::<c_void>(),
                USER_STACK_PORTION as u32,
                sp.wrapping_add(begin as u64) as *const c_void,
            )
        };
        if result != 0 {
            break;
        }
        to.event.user_bytes = (begin + USER_STACK_PORTION) as u32;
    }
}
