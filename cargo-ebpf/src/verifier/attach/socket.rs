//! Programs of sockets. Each gets a socket that nobody is connected to, or a sockmap
//! with no socket in it.

use std::{
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixDatagram,
    },
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use super::{Attempt, Program};
use crate::verifier::syscall;

/// BPF_SK_SKB_STREAM_VERDICT (include/uapi/linux/bpf.h).
const STREAM_VERDICT: u32 = 5;

pub(super) fn filter(program: &Program<'_>) -> Attempt {
    let socket = UnixDatagram::unbound()?;
    let descriptor = program.descriptor.as_raw_fd();
    Ok(set(socket.as_fd(), libc::SO_ATTACH_BPF, descriptor)?)
}

pub(super) fn reuseport(program: &Program<'_>) -> Attempt {
    let socket = udp()?;
    set(socket.as_fd(), libc::SO_REUSEPORT, 1)?;
    let descriptor = program.descriptor.as_raw_fd();
    Ok(set(
        socket.as_fd(),
        libc::SO_ATTACH_REUSEPORT_EBPF,
        descriptor,
    )?)
}

/// A UDP socket without an address.
fn udp() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(
        AddressFamily::INET,
        SocketType::DGRAM,
        flags,
        None,
    )?)
}

fn set(socket: BorrowedFd<'_>, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    // SAFETY: the value outlives the call and is as long as stated.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            std::ptr::from_ref(&value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A program for the sockets in a map. Where its section leaves open for what, it gives
/// a verdict.
pub(super) fn map(program: &Program<'_>) -> Attempt {
    let map = syscall::sockmap_create()?;
    let attach_type = match program.hook.expected_attach_type {
        0 => STREAM_VERDICT,
        named => named,
    };
    syscall::prog_attach(program.descriptor, map.as_fd(), attach_type)?;
    Ok(())
}
