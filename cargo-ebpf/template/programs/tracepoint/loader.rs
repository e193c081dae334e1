//! Attaches `count_tracepoint` to a tracepoint of the kernel.

use aya::{
    Ebpf,
    programs::{self, ProgramError, TracePoint},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_tracepoint",
    map: "TRACEPOINT_COUNT",
    counts: "events",
    target: "sched:sched_switch",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut TracePoint = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, target: &str) -> Result {
    let program: &mut TracePoint = program(ebpf, PROGRAM.name)?;
    let (category, name) = target
        .split_once(':')
        .ok_or("the target is not CATEGORY:NAME")?;
    program.attach(category, name)?;
    Ok(())
}
