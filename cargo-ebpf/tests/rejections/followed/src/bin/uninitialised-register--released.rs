//! `uninitialised-register--released` of `../programs` with its hint followed.
//@ without: CAP_PERFMON
#![no_std]
#![no_main]

use aya_ebpf::{
    helpers::generated::{bpf_sk_lookup_tcp, bpf_sk_release},
    macros::classifier,
    programs::TcContext,
};
use rejections as _;

rejections::license!();

#[classifier]
pub fn filter(ctx: TcContext) -> i32 {
    // SAFETY: the socket is read while it is referenced.
    unsafe {
        // The addresses and ports of IPv4.
        let mut tuple = [ctx.len(), ctx.len(), 80];
        let socket = bpf_sk_lookup_tcp(
            ctx.skb.skb.cast(),
            tuple.as_mut_ptr().cast(),
            size_of_val(&tuple) as u32,
            u64::MAX,
            0,
        );
        if socket.is_null() {
            return 0;
        }
        let mark = (*socket).mark;
        bpf_sk_release(socket.cast());
        mark as i32 & 1
    }
}
