//! Attaches `count_sk_reuseport` to a UDP socket that shares its port, and sends packets to it.

use std::net::{SocketAddrV4, UdpSocket};

use aya::{
    Ebpf,
    programs::{self, ProgramError, SkReuseport},
};

use crate::{Program, Result, program, shared_socket, traffic};

/// The program.
pub const PROGRAM: Program = Program {
    name: "count_sk_reuseport",
    map: "SK_REUSEPORT_COUNT",
    counts: "packets received",
    target: "127.0.0.1:0",
    load,
    attach,
};

fn load(program: &mut programs::Program, _: &str) -> Result<(), ProgramError> {
    let program: &mut SkReuseport = program.try_into()?;
    program.load()
}

fn attach(ebpf: &mut Ebpf, address: &str) -> Result {
    let address: SocketAddrV4 = address.parse()?;
    let socket = shared_socket::bind(address)?;
    let program: &mut SkReuseport = program(ebpf, PROGRAM.name)?;
    program.attach(&socket)?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    traffic::of(move || {
        sender.send_to(b"packet", socket.local_addr()?)?;
        socket.recv(&mut [0; 16])
    });
    Ok(())
}
