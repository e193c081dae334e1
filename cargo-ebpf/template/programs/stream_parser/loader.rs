//! Attaches `count_stream_parser` to the map `SOCKETS`. It runs together with `stream_verdict` only.

use aya::{
    Ebpf,
    maps::SockMap,
    programs::{self, ProgramError, SkSkb},
};

use crate::{Program, Result, program};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_stream_parser",
    map: "STREAM_PARSER_COUNT",
    counts: "messages received",
    target: "",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut SkSkb = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, _: &str) -> Result {
    let map = ebpf.map("SOCKETS").ok_or("no map SOCKETS")?;
    let sockets: SockMap<_> = map.try_into()?;
    let map = sockets.fd().try_clone()?;
    let program: &mut SkSkb = program(ebpf, PROGRAM.name)?;
    program.attach(&map)?;
    Ok(())
}
