//! `call-depth--recursion` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::xdp, programs::XdpContext};
use rejections as _;

rejections::license!();

/// Ackermann's function, with the calls that are pending in an array.
#[inline(never)]
fn ackermann(m: u32, mut n: u32) -> u32 {
    const DEPTH: usize = 4;
    let mut pending = [0u32; DEPTH];
    pending[0] = m;
    let mut length = 1;
    for _ in 0..6 {
        let Some(m) = pending.get_mut(length - 1) else {
            return n;
        };
        match (*m, n) {
            (0, _) => {
                n += 1;
                length -= 1;
            }
            (_, 0) => {
                *m -= 1;
                n = 1;
            }
            (_, _) => {
                *m -= 1;
                let again = *m + 1;
                n -= 1;
                match pending.get_mut(length) {
                    Some(next) => *next = again,
                    None => return n,
                }
                length += 1;
            }
        }
        if length == 0 {
            break;
        }
    }
    n
}

#[xdp]
pub fn filter(ctx: XdpContext) -> u32 {
    let length = (ctx.data_end() - ctx.data()) as u32;
    ackermann(length & 3, length & 7) & 1
}
