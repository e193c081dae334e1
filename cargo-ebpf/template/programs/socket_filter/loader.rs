//! Attaches `count_socket_filter` to a UDP socket, which sends packets to itself.

use std::net::UdpSocket;

use aya::{
    Ebpf,
    programs::{self, ProgramError, SocketFilter},
};

use crate::{Program, Result, program, traffic};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_socket_filter",
    map: "SOCKET_FILTER_COUNT",
    counts: "packets received",
    target: "127.0.0.1:0",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut SocketFilter = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, address: &str) -> Result {
    let program: &mut SocketFilter = program(ebpf, PROGRAM.name)?;
    let socket = UdpSocket::bind(address)?;
    program.attach(&socket)?;
    traffic::of(move || {
        socket.send_to(b"packet", socket.local_addr()?)?;
        socket.recv(&mut [0; 16])
    });
    Ok(())
}
