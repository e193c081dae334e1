//! `return-code` of `../programs` with its hint followed.
#![no_std]
#![no_main]

use aya_ebpf::{macros::cgroup_sock_addr, programs::SockAddrContext};
use rejections as _;

rejections::license!();

#[cgroup_sock_addr(connect4)]
pub fn connect(_: SockAddrContext) -> i32 {
    1
}
