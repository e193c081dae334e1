//! Returns a number that this hook does not define.
#![no_std]
#![no_main]

use aya_ebpf::{macros::cgroup_sock_addr, programs::SockAddrContext};
use rejections as _;

rejections::license!();

#[cgroup_sock_addr(connect4)] //~ ERROR return-code
pub fn connect(_: SockAddrContext) -> i32 {
    7 //~ ERROR return-code
}
