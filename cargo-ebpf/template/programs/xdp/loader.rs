//! Attaches `count_xdp` to a network interface.

use aya::{
    Ebpf,
    programs::{self, ProgramError, Xdp, xdp::XdpMode},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_xdp",
    map: "XDP_COUNT",
    counts: "packets received",
    target: "lo",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut Xdp = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, interface: &str) -> Result {
    let program: &mut Xdp = program(ebpf, PROGRAM.name)?;
    program.attach(interface, XdpMode::default())?;
    Ok(())
}
