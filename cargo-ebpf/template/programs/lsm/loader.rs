//! Attaches `count_lsm` to a hook of the kernel's security modules. It runs only on kernels whose
//! parameter `count_lsm` contains bpf.

use aya::{
    Btf, Ebpf,
    programs::{self, Lsm, ProgramError},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_lsm",
    map: "LSM_COUNT",
    counts: "files opened",
    target: "file_open",
    load,
    attach,
};

fn load(program: &mut programs::Program, hook: &str) -> Result<(), ProgramError> {
    let program: &mut Lsm = program.try_into()?;
    program.load(hook, &Btf::from_sys_fs()?)
}

fn attach(ebpf: &mut Ebpf, _: &str) -> Result {
    let program: &mut Lsm = program(ebpf, PROGRAM.name)?;
    program.attach()?;
    Ok(())
}
