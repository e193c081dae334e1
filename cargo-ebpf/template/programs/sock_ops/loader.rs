//! Attaches `count_sock_ops` to a cgroup.

use aya::{
    Ebpf,
    programs::{self, CgroupAttachMode, ProgramError, SockOps},
};

use crate::{Program, Result, cgroup, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_sock_ops",
    map: "SOCK_OPS_COUNT",
    counts: "events of TCP connections",
    target: "",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut SockOps = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, cgroup: &str) -> Result {
    let program: &mut SockOps = program(ebpf, PROGRAM.name)?;
    // Other programs can be attached to the cgroup as well: the kernel has links for that.
    program.attach(cgroup::open(cgroup)?, CgroupAttachMode::Single)?;
    Ok(())
}
