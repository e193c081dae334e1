//! `context-access--write` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::classifier, programs::TcContext};
use rejections as _;

rejections::license!();

#[classifier]
pub fn redirect(ctx: TcContext) -> i32 {
    // SAFETY: a field that this program type may write.
    unsafe { (*ctx.skb.skb).mark = 1 };
    0
}
