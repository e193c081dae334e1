//! Attaches `count_raw_tracepoint` to a tracepoint of the kernel.

use aya::{
    Ebpf,
    programs::{self, ProgramError, RawTracePoint},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_raw_tracepoint",
    map: "RAW_TRACEPOINT_COUNT",
    counts: "events",
    target: "sched_switch",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut RawTracePoint = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, tracepoint: &str) -> Result {
    let program: &mut RawTracePoint = program(ebpf, PROGRAM.name)?;
    program.attach(tracepoint)?;
    Ok(())
}
