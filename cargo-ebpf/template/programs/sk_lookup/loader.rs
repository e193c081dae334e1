//! Attaches `count_sk_lookup` to a network namespace.

use std::fs::File;

use aya::{
    Ebpf,
    programs::{self, ProgramError, SkLookup},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_sk_lookup",
    map: "SK_LOOKUP_COUNT",
    counts: "lookups of listening sockets",
    target: "/proc/self/ns/net",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut SkLookup = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, namespace: &str) -> Result {
    let program: &mut SkLookup = program(ebpf, PROGRAM.name)?;
    program.attach(File::open(namespace)?)?;
    Ok(())
}
