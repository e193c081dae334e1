//! Kinds of programs that need more of the kernel than a verifier: trampolines, an
//! attach target that does not exist, and one that is not named at all.
#![no_std]
#![no_main]

use aya_ebpf::{
    macros::{btf_tracepoint, fentry},
    programs::{BtfTracePointContext, FEntryContext},
};
use verify_fixtures as _;

verify_fixtures::license!();

#[fentry(function = "vfs_read")]
pub fn on_vfs_read(_: FEntryContext) -> i32 {
    0
}

#[fentry]
pub fn on_something(_: FEntryContext) -> i32 {
    0
}

#[btf_tracepoint(function = "no_such_tracepoint")]
pub fn on_nothing(_: BtfTracePointContext) -> i32 {
    0
}

#[btf_tracepoint(function = "sched_switch")]
pub fn on_switch(_: BtfTracePointContext) -> i32 {
    0
}
