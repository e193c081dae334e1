//! Reads a socket after its reference was released, in a process without CAP_PERFMON.
//@ without: CAP_PERFMON
//@ elsewhere: number-as-pointer 5.10 6.1 6.12 7.3
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
    // SAFETY: unsound: the socket is read after it was released.
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
        bpf_sk_release(socket.cast());
        (*socket).mark as i32 & 1 //~ ERROR uninitialised-register
    } //~^ ERROR number-as-pointer
}
