//! Attaches `count_kprobe` to a function of the kernel.

use aya::{
    Ebpf,
    programs::{self, KProbe, ProgramError},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_kprobe",
    map: "KPROBE_COUNT",
    counts: "calls",
    target: "vfs_open",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut KProbe = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, function: &str) -> Result {
    let program: &mut KProbe = program(ebpf, PROGRAM.name)?;
    program.attach(function, 0)?;
    Ok(())
}
