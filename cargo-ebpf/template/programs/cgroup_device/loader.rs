//! Attaches `count_cgroup_device` to a cgroup.

use aya::{
    Ebpf,
    programs::{self, CgroupAttachMode, CgroupDevice, ProgramError},
};

use crate::{Program, Result, cgroup, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_cgroup_device",
    map: "CGROUP_DEVICE_COUNT",
    counts: "accesses to devices",
    target: "",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut CgroupDevice = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, cgroup: &str) -> Result {
    let program: &mut CgroupDevice = program(ebpf, PROGRAM.name)?;
    // Other programs can be attached to the cgroup as well: the kernel has links for that.
    program.attach(cgroup::open(cgroup)?, CgroupAttachMode::Single)?;
    Ok(())
}
