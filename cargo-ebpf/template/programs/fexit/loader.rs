//! Attaches `count_fexit` to a function of the kernel.

use aya::{
    Btf, Ebpf,
    programs::{self, FExit, ProgramError},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_fexit",
    map: "FEXIT_COUNT",
    counts: "returns",
    target: "vfs_open",
    load,
    attach,
};

fn load(program: &mut programs::Program, function: &str) -> Result<(), ProgramError> {
    let program: &mut FExit = program.try_into()?;
    program.load(function, &Btf::from_sys_fs()?)
}

fn attach(ebpf: &mut Ebpf, _: &str) -> Result {
    let program: &mut FExit = program(ebpf, PROGRAM.name)?;
    program.attach()?;
    Ok(())
}
