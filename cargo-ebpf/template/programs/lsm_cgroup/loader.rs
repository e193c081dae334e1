//! Attaches `count_lsm_cgroup` to a cgroup. It runs only on kernels whose parameter `lsm` contains bpf.

use aya::{
    Btf, Ebpf,
    programs::{self, LsmCgroup, ProgramError},
};

use crate::{Program, Result, cgroup, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_lsm_cgroup",
    map: "LSM_CGROUP_COUNT",
    counts: "sockets created",
    target: "",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut LsmCgroup = program.try_into()?;
    program.load("socket_create", &Btf::from_sys_fs()?)
}

fn attach(ebpf: &mut Ebpf, cgroup: &str) -> Result {
    let program: &mut LsmCgroup = program(ebpf, PROGRAM.name)?;
    program.attach(cgroup::open(cgroup)?)?;
    Ok(())
}
