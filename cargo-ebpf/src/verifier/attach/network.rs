//! Programs of network devices and network namespaces. They get a namespace of their
//! own, with nothing in it but a loopback device.

use std::{
    fs::File,
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use super::{Attempt, Failure, Program, private};
use crate::{
    host::kernel::Version,
    verifier::syscall::{self, LinkTarget},
};

/// The index of the loopback device, which is the first in each namespace
/// (LOOPBACK_IFINDEX in the kernel).
const LOOPBACK: u32 = 1;

/// BPF_TCX_INGRESS (include/uapi/linux/bpf.h).
const TCX_INGRESS: u32 = 46;

/// Runs `attach` in a new network namespace.
fn in_namespace(attach: impl FnOnce() -> io::Result<OwnedFd> + Send) -> Attempt {
    // The link is dropped in the namespace.
    private::with_namespaces(libc::CLONE_NEWNET, || attach().map(drop)).map_err(|error| {
        Failure::not_tried(format!(
            "there is no network namespace for it: {error} (unshare)"
        ))
    })??;
    Ok(())
}

pub(super) fn xdp(program: &Program<'_>) -> Attempt {
    program.needs(Version(5, 9, 0), "a BPF link")?;
    let attach_type = program.hook.expected_attach_type;
    in_namespace(|| {
        syscall::link_create(
            program.descriptor,
            attach_type,
            LinkTarget::Device(LOOPBACK),
        )
    })
}

/// A program for tc. Where its section leaves the direction open it gets what comes in.
pub(super) fn classifier(program: &Program<'_>) -> Attempt {
    program.needs(Version(6, 6, 0), "tcx")?;
    let attach_type = match program.hook.expected_attach_type {
        0 => TCX_INGRESS,
        named => named,
    };
    in_namespace(|| {
        syscall::link_create(
            program.descriptor,
            attach_type,
            LinkTarget::Device(LOOPBACK),
        )
    })
}

/// A program for a whole namespace; links to those came with `since`.
pub(super) fn namespace(program: &Program<'_>, since: Version) -> Attempt {
    program.needs(since, "a BPF link")?;
    let attach_type = program.hook.expected_attach_type;
    in_namespace(|| {
        let namespace = File::open("/proc/thread-self/ns/net")?;
        let target = LinkTarget::Descriptor(namespace.as_fd());
        syscall::link_create(program.descriptor, attach_type, target)
    })
}

/// At the first hook of IPv4 (NF_INET_PRE_ROUTING), before what others may have there.
pub(super) fn netfilter(program: &Program<'_>) -> Attempt {
    let target = LinkTarget::Netfilter {
        family: libc::NFPROTO_IPV4 as u32,
        hook: libc::NF_INET_PRE_ROUTING as u32,
        priority: -128,
    };
    let attach_type = program.hook.expected_attach_type;
    in_namespace(|| syscall::link_create(program.descriptor, attach_type, target))
}
