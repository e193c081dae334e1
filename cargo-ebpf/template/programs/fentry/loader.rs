//! Attaches `count_fentry` to a function of the kernel.

use aya::{
    Btf, Ebpf,
    programs::{self, FEntry, ProgramError},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_fentry",
    map: "FENTRY_COUNT",
    counts: "calls",
    target: "vfs_open",
    load,
    attach,
};

fn load(program: &mut programs::Program, function: &str) -> Result<(), ProgramError> {
    let program: &mut FEntry = program.try_into()?;
    program.load(function, &Btf::from_sys_fs()?)
}

fn attach(ebpf: &mut Ebpf, _: &str) -> Result {
    let program: &mut FEntry = program(ebpf, PROGRAM.name)?;
    program.attach()?;
    Ok(())
}
