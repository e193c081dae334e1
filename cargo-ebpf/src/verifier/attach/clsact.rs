//! A tc classifier before tcx (Linux 6.6): a filter of a clsact queueing discipline, by
//! three words of rtnetlink(7).

use std::{
    io,
    os::fd::{AsRawFd as _, BorrowedFd, OwnedFd},
};

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

/// Which packets a filter sees (TC_H_MIN_INGRESS, TC_H_MIN_EGRESS of clsact;
/// include/uapi/linux/pkt_sched.h).
#[derive(Debug, Clone, Copy)]
pub(super) enum Direction {
    Ingress = 0xfff2,
    Egress = 0xfff3,
}

/// TC_H_CLSACT and the handle that tc(8) gives to it.
const CLSACT: u32 = 0xffff_fff1;
const HANDLE: u32 = 0xffff_0000;
/// Attributes of queueing disciplines and filters (include/uapi/linux/rtnetlink.h).
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
/// Attributes of the filter `bpf`, and "what it returns is what happens"
/// (include/uapi/linux/pkt_cls.h).
const TCA_BPF_FD: u16 = 6;
const TCA_BPF_NAME: u16 = 7;
const TCA_BPF_FLAGS: u16 = 8;
const TCA_BPF_FLAG_ACT_DIRECT: u32 = 1;
const NLMSG_ERROR: u16 = 2;

/// Adds the queueing discipline to a device of this namespace.
///
/// # Errors
/// `ENOENT` where the kernel has none, not even as a module to be loaded.
pub(super) fn add_queue(device: u32) -> io::Result<()> {
    let mut message = Message::new(libc::RTM_NEWQDISC, device, HANDLE, CLSACT, 0);
    message.attribute(TCA_KIND, b"clsact\0");
    message.send()
}

/// Adds a filter that calls `program`. It goes with the device, or its namespace.
///
/// # Errors
/// `ENOENT` as above; what the kernel has against the program.
pub(super) fn add_filter(
    device: u32,
    direction: Direction,
    program: BorrowedFd<'_>,
) -> io::Result<()> {
    let parent = HANDLE | direction as u32;
    // The first of all, for packets of every protocol.
    let priority = 1 << 16;
    let protocol = u32::from((libc::ETH_P_ALL as u16).to_be());
    let mut message = Message::new(libc::RTM_NEWTFILTER, device, 0, parent, priority | protocol);
    message.attribute(TCA_KIND, b"bpf\0");
    let mut options = Vec::new();
    let descriptor = program.as_raw_fd() as u32;
    attribute(&mut options, TCA_BPF_FD, &descriptor.to_ne_bytes());
    attribute(&mut options, TCA_BPF_NAME, b"cargo-ebpf\0");
    attribute(
        &mut options,
        TCA_BPF_FLAGS,
        &TCA_BPF_FLAG_ACT_DIRECT.to_ne_bytes(),
    );
    message.attribute(TCA_OPTIONS, &options);
    message.send()
}

/// A request to make something: `struct nlmsghdr`, `struct tcmsg`, attributes.
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16, device: u32, handle: u32, parent: u32, info: u32) -> Self {
        const FLAGS: libc::c_int =
            libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_EXCL;
        let mut bytes = vec![0; 4]; // The length, when it is known.
        bytes.extend(kind.to_ne_bytes());
        bytes.extend((FLAGS as u16).to_ne_bytes());
        // Sequence number, sender; family and padding.
        bytes.extend([0; 8 + 4]);
        for field in [device, handle, parent, info] {
            bytes.extend(field.to_ne_bytes());
        }
        Self(bytes)
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        attribute(&mut self.0, kind, value);
    }

    /// Sends it, and waits for what the kernel says.
    fn send(mut self) -> io::Result<()> {
        let length = self.0.len() as u32;
        self.0.splice(..4, length.to_ne_bytes());
        let socket = socket()?;
        send(&socket, &self.0, SendFlags::empty())?;
        let mut answer = [0_u8; 4096];
        let (_, received) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
        verdict(answer.get(..received).unwrap_or_default())
    }
}

/// What an answer says: `struct nlmsghdr`, then the error, negative, or 0.
fn verdict(answer: &[u8]) -> io::Result<()> {
    let kind = answer
        .get(4..6)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u16::from_ne_bytes);
    let error = answer
        .get(16..20)
        .and_then(|bytes| bytes.try_into().ok())
        .map(i32::from_ne_bytes);
    match (kind, error) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(error)) => Err(io::Error::from_raw_os_error(-error)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

/// A socket for requests to NETLINK_ROUTE, which is the default.
fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        flags,
        None,
    )?)
}

/// `struct rtattr` and its value, filled up to four bytes.
fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    const HEADER: usize = 4;
    bytes.extend(((HEADER + value.len()) as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_a_length_and_are_filled_up() {
        let mut bytes = Vec::new();
        attribute(&mut bytes, TCA_KIND, b"bpf\0");
        attribute(&mut bytes, TCA_KIND, b"clsact\0");
        assert_eq!(bytes.len(), 8 + 12);
        assert_eq!(bytes[8..10], 11_u16.to_ne_bytes());
    }

    #[test]
    fn an_answer_is_an_error_number_or_damaged() {
        let answer = |kind: u16, error: i32| {
            let mut bytes = vec![0; 4];
            bytes.extend(kind.to_ne_bytes());
            bytes.extend([0; 10]);
            bytes.extend(error.to_ne_bytes());
            bytes
        };
        assert!(verdict(&answer(NLMSG_ERROR, 0)).is_ok());
        let refused = verdict(&answer(NLMSG_ERROR, -libc::ENOENT)).map_err(|e| e.raw_os_error());
        assert_eq!(refused, Err(Some(libc::ENOENT)));
        assert!(verdict(&answer(16, 0)).is_err());
        assert!(verdict(&[0; 7]).is_err());
    }
}
