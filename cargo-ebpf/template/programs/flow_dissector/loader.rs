//! Attaches `count_flow_dissector` to a network namespace.

use std::fs::File;

use aya::{
    Ebpf,
    programs::{self, FlowDissector, ProgramError},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_flow_dissector",
    map: "FLOW_DISSECTOR_COUNT",
    counts: "packets dissected",
    target: "/proc/self/ns/net",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut FlowDissector = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, namespace: &str) -> Result {
    let program: &mut FlowDissector = program(ebpf, PROGRAM.name)?;
    program.attach(File::open(namespace)?)?;
    Ok(())
}
