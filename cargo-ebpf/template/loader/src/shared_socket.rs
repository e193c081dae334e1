//! UDP sockets that share a port.

use std::{
    io,
    net::{SocketAddrV4, UdpSocket},
    os::fd::{AsRawFd as _, FromRawFd as _},
    ptr,
};

/// Binds a UDP socket with SO_REUSEPORT, which has to be set before.
///
/// # Errors
/// If no socket can be bound to `address`.
pub fn bind(address: SocketAddrV4) -> io::Result<UdpSocket> {
    // SAFETY: socket has no memory arguments; the descriptor belongs to nothing else.
    let socket = unsafe {
        let flags = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
        UdpSocket::from_raw_fd(checked(libc::socket(libc::AF_INET, flags, 0))?)
    };
    let enabled: libc::c_int = 1;
    let name = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from(*address.ip()).to_be(),
        },
        sin_zero: [0; 8],
    };
    // SAFETY: both calls read as many bytes as the values have.
    unsafe {
        checked(libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_REUSEPORT,
            ptr::from_ref(&enabled).cast(),
            size_of_val(&enabled) as libc::socklen_t,
        ))?;
        checked(libc::bind(
            socket.as_raw_fd(),
            ptr::from_ref(&name).cast(),
            size_of_val(&name) as libc::socklen_t,
        ))?;
    }
    Ok(socket)
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
