//! Attaches `count_cgroup_skb` to a cgroup.

use aya::{
    Ebpf,
    programs::{self, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, ProgramError},
};

use crate::{Program, Result, cgroup, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_cgroup_skb",
    map: "CGROUP_SKB_COUNT",
    counts: "packets received",
    target: "",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut CgroupSkb = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, cgroup: &str) -> Result {
    let program: &mut CgroupSkb = program(ebpf, PROGRAM.name)?;
    // Other programs can be attached to the cgroup as well: the kernel has links for that.
    program.attach(
        cgroup::open(cgroup)?,
        CgroupSkbAttachType::Ingress,
        CgroupAttachMode::Single,
    )?;
    Ok(())
}
