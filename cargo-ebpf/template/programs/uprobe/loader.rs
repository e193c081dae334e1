//! Attaches `count_uprobe` to a function of a library, or of a program if the target has its path.

use aya::{
    Ebpf,
    programs::{self, ProgramError, UProbe, uprobe::UProbeScope},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_uprobe",
    map: "UPROBE_COUNT",
    counts: "calls",
    target: "libc:write",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut UProbe = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, target: &str) -> Result {
    let program: &mut UProbe = program(ebpf, PROGRAM.name)?;
    let (file, function) = target
        .split_once(':')
        .ok_or("the target is not FILE:FUNCTION")?;
    program.attach(function, file, UProbeScope::AllProcesses)?;
    Ok(())
}
