//! Accepted: a map whose values are maps. Beside it a map that no kernel makes, and a
//! program that uses it.
#![no_std]
#![no_main]

use aya_ebpf::{
    btf_maps::{Array, ArrayOfMaps, HashMap},
    macros::{btf_map, raw_tracepoint},
    programs::RawTracePointContext,
};
use verify_fixtures as _;

verify_fixtures::license!();

#[btf_map]
static OUTER: ArrayOfMaps<Array<u32, 8>, 2> = ArrayOfMaps::new();

/// No map has this flag.
#[btf_map]
static IMPOSSIBLE: HashMap<u32, u32, 1, 0x100_0000> = HashMap::new();

#[raw_tracepoint(tracepoint = "sys_enter")]
pub fn looks_up(_: RawTracePointContext) -> i32 {
    OUTER.get(0).is_some() as i32
}

#[raw_tracepoint(tracepoint = "sys_exit")]
pub fn uses_impossible(_: RawTracePointContext) -> i32 {
    IMPOSSIBLE.get_ptr(&1).is_some() as i32
}
