//! Attaches `count_btf_tracepoint` to a tracepoint of the kernel.

use aya::{
    Btf, Ebpf,
    programs::{self, BtfTracePoint, ProgramError},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_btf_tracepoint",
    map: "BTF_TRACEPOINT_COUNT",
    counts: "events",
    target: "sched_switch",
    load,
    attach,
};

fn load(program: &mut programs::Program, tracepoint: &str) -> Result<(), ProgramError> {
    let program: &mut BtfTracePoint = program.try_into()?;
    program.load(tracepoint, &Btf::from_sys_fs()?)
}

fn attach(ebpf: &mut Ebpf, _: &str) -> Result {
    let program: &mut BtfTracePoint = program(ebpf, PROGRAM.name)?;
    program.attach()?;
    Ok(())
}
