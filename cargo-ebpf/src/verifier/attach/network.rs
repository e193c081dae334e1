//! Programs of network devices and network namespaces. They get a namespace of their
//! own, with nothing in it but a loopback device.

use std::{fs::File, os::fd::AsFd as _};

use ebpf_base::KernelVersion;
use rustix::thread::UnshareFlags;

use super::{
    Attempt, Failure, Program,
    clsact::{self, Direction},
    private,
};
use crate::verifier::syscall::{self, LinkTarget};

/// The index of the loopback device, which is the first in each namespace
/// (LOOPBACK_IFINDEX in the kernel).
const LOOPBACK: u32 = 1;

/// BPF_TCX_INGRESS, BPF_TCX_EGRESS (include/uapi/linux/bpf.h), and since when.
const TCX_INGRESS: u32 = 46;
const TCX_EGRESS: u32 = 47;
const TCX: KernelVersion = KernelVersion::new(6, 6);

/// Runs `attach` in a new network namespace.
fn in_namespace(attach: impl FnOnce() -> Attempt + Send) -> Attempt {
    private::with_namespaces(UnshareFlags::NEWNET, attach).map_err(|error| {
        Failure::not_tried(format!(
            "no network namespace could be created: {error} (unshare)"
        ))
    })?
}

/// Links the program to `target`.
fn link(program: &Program<'_>, attach_type: u32, target: LinkTarget<'_>) -> Attempt {
    syscall::link_create(program.descriptor, attach_type, target)?;
    Ok(())
}

pub(super) fn xdp(program: &Program<'_>) -> Attempt {
    let attach_type = program.hook.expected_attach_type;
    in_namespace(|| link(program, attach_type, LinkTarget::Device(LOOPBACK)))
        .map_err(|failure| program.links_came_with(KernelVersion::new(5, 9), failure))
}

/// A program for tc: by tcx where the kernel has it, as Aya does.
pub(super) fn classifier(program: &Program<'_>) -> Attempt {
    if program.kernel.version >= TCX {
        return tcx(program);
    }
    let direction = match program.hook.expected_attach_type {
        TCX_EGRESS => Direction::Egress,
        _ => Direction::Ingress,
    };
    in_namespace(|| {
        clsact::add_queue(LOOPBACK)
            .and_then(|()| clsact::add_filter(LOOPBACK, direction, program.descriptor))
            .map_err(|error| match error.raw_os_error() {
                Some(libc::ENOENT) => Failure::not_tried(
                    "this kernel lacks the clsact qdisc or the bpf classifier, which are required \
                     before Linux 6.6 (tcx): most kernels have them as modules, which guests do \
                     not load",
                ),
                _ => error.into(),
            })
    })
}

/// Where its section leaves the direction open it gets what comes in.
pub(super) fn tcx(program: &Program<'_>) -> Attempt {
    let attach_type = match program.hook.expected_attach_type {
        0 => TCX_INGRESS,
        named => named,
    };
    in_namespace(|| link(program, attach_type, LinkTarget::Device(LOOPBACK)))
        .map_err(|failure| program.came_with(TCX, "tcx", failure))
}

/// A program for a whole namespace; links to those came with `since`.
pub(super) fn namespace(program: &Program<'_>, since: KernelVersion) -> Attempt {
    let attach_type = program.hook.expected_attach_type;
    in_namespace(|| {
        let namespace = File::open("/proc/thread-self/ns/net")?;
        link(
            program,
            attach_type,
            LinkTarget::Descriptor(namespace.as_fd()),
        )
    })
    .map_err(|failure| program.links_came_with(since, failure))
}

/// At the first hook of IPv4, where this namespace has nothing else.
pub(super) fn netfilter(program: &Program<'_>) -> Attempt {
    let target = LinkTarget::Netfilter {
        family: libc::NFPROTO_IPV4 as u32,
        hook: libc::NF_INET_PRE_ROUTING as u32,
        priority: -128,
    };
    let attach_type = program.hook.expected_attach_type;
    in_namespace(|| link(program, attach_type, target))
}
