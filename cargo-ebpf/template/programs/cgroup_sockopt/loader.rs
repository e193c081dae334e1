//! Attaches `count_cgroup_sockopt` to a cgroup.

use aya::{
    Ebpf,
    programs::{self, CgroupAttachMode, CgroupSockopt, ProgramError},
};

use crate::{Program, Result, cgroup, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_cgroup_sockopt",
    map: "CGROUP_SOCKOPT_COUNT",
    counts: "calls of setsockopt",
    target: "",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut CgroupSockopt = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, cgroup: &str) -> Result {
    let program: &mut CgroupSockopt = program(ebpf, PROGRAM.name)?;
    // Other programs can be attached to the cgroup as well: the kernel has links for that.
    program.attach(cgroup::open(cgroup)?, CgroupAttachMode::Single)?;
    Ok(())
}
