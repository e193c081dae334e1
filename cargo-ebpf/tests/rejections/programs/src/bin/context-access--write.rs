//! Writes to a field of the context that is read-only.
#![no_std]
#![no_main]

use aya_ebpf::{macros::classifier, programs::TcContext};
use rejections as _;

rejections::license!();

#[classifier]
pub fn redirect(ctx: TcContext) -> i32 {
    // SAFETY: unsound: the program may not write this field.
    unsafe { (*ctx.skb.skb).ifindex = 1 }; //~ ERROR context-access
    0
}
