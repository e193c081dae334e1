//! Attaches `count_stream_verdict` to the map `SOCKETS`, which contains one end of a TCP connection.

use std::io::{Read as _, Write as _};

use aya::{
    Ebpf,
    maps::{MapData, SockMap},
    programs::{self, ProgramError, SkSkb},
};

use crate::{Program, Result, program, traffic};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_stream_verdict",
    map: "STREAM_VERDICT_COUNT",
    counts: "messages received",
    target: "127.0.0.1:0",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut SkSkb = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, address: &str) -> Result {
    let map = sockets(ebpf)?.fd().try_clone()?;
    let program: &mut SkSkb = program(ebpf, PROGRAM.name)?;
    program.attach(&map)?;
    // A socket has the programs that its map has when it is added.
    let (mut sender, mut receiver) = traffic::connection(address)?;
    sockets(ebpf)?.set(0, &receiver, 0)?;
    traffic::of(move || {
        sender.write_all(b"message")?;
        receiver.read(&mut [0; 16])
    });
    Ok(())
}

fn sockets(ebpf: &mut Ebpf) -> Result<SockMap<&mut MapData>> {
    let map = ebpf.map_mut("SOCKETS").ok_or("no map SOCKETS")?;
    Ok(map.try_into()?)
}
