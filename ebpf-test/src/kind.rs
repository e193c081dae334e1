//! Which types of programs the kernel can run for a test, and from when on.

use aya::programs::Program;

use ebpf_base::KernelVersion;

/// A type of programs that has a test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// As libbpf names its section.
    pub name: &'static str,
    /// The first kernel with a test run of it.
    pub since: KernelVersion,
    /// The first kernel whose test run takes a context from the caller.
    pub context_since: KernelVersion,
    /// The shortest packet that the kernel takes, in bytes.
    pub shortest: usize,
}

/// ETH_HLEN (include/uapi/linux/if_ether.h): net/bpf/test_run.c refuses less.
const ETHERNET: usize = 14;

/// The versions are those in which net/bpf/test_run.c learned it: packets in commits
/// 1cf1cae963c2 and 61f3c964dfd2, their context in b0b9395d865e and 47316f4a3053; flow
/// dissectors in b7a1848e8398 and b2ca4e1cfa7d; raw tracepoints in 1b4d60ec162f.
const fn kind(
    name: &'static str,
    since: (u16, u16),
    context_since: (u16, u16),
    shortest: usize,
) -> Kind {
    Kind {
        name,
        since: KernelVersion::new(since.0, since.1),
        context_since: KernelVersion::new(context_since.0, context_since.1),
        shortest,
    }
}

const SOCKET: Kind = kind("socket", (4, 16), (5, 2), ETHERNET);
const TC: Kind = kind("tc", (4, 12), (5, 2), ETHERNET);
const CGROUP_SKB: Kind = kind("cgroup_skb", (4, 12), (5, 2), ETHERNET);
const XDP: Kind = kind("xdp", (4, 12), (5, 15), ETHERNET);
const FLOW_DISSECTOR: Kind = kind("flow_dissector", (5, 1), (5, 4), ETHERNET);
const RAW_TRACEPOINT: Kind = kind("raw_tp", (5, 10), (5, 10), 0);

/// Why a program has no test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Never {
    /// No kernel has one for its type.
    Kernel,
    /// The kernel calls functions of its own and the programs that are attached to them.
    Trampoline,
    /// aya has no call for it.
    Aya,
}

impl Never {
    /// In words, for programs of the type `kind`.
    pub(crate) fn reason(self, kind: &str) -> String {
        match self {
            Self::Kernel => format!(
                "the kernel does not support test runs (BPF_PROG_TEST_RUN) of {kind} programs; \
                 move the logic into a function, and call it from a `raw_tracepoint` program"
            ),
            Self::Trampoline => format!(
                "test runs (BPF_PROG_TEST_RUN) of {kind} programs take no input: they call the \
                 kernel's bpf_fentry_test* functions; move the logic into a function, and call it \
                 from a `raw_tracepoint` program"
            ),
            Self::Aya => format!("Aya does not support test runs of {kind} programs"),
        }
    }
}

/// What the kernel can do with `program`.
pub(crate) fn of(program: &Program) -> Result<Kind, Never> {
    match program {
        Program::SocketFilter(_) | Program::ReusePortSocketFilter(_) => Ok(SOCKET),
        Program::SchedClassifier(_) => Ok(TC),
        Program::CgroupSkb(_) => Ok(CGROUP_SKB),
        Program::Xdp(_) => Ok(XDP),
        Program::FlowDissector(_) => Ok(FLOW_DISSECTOR),
        Program::RawTracePoint(_) => Ok(RAW_TRACEPOINT),
        Program::FEntry(_) | Program::FExit(_) => Err(Never::Trampoline),
        // Linux 5.13, commit 7c32e8f8bc33.
        Program::SkLookup(_) => Err(Never::Aya),
        Program::KProbe(_)
        | Program::UProbe(_)
        | Program::TracePoint(_)
        | Program::SkMsg(_)
        | Program::SkSkb(_)
        | Program::CgroupSockAddr(_)
        | Program::SockOps(_)
        | Program::CgroupSysctl(_)
        | Program::CgroupSockopt(_)
        | Program::LircMode2(_)
        | Program::PerfEvent(_)
        | Program::Lsm(_)
        | Program::LsmCgroup(_)
        | Program::BtfTracePoint(_)
        | Program::Extension(_)
        | Program::SkReuseport(_)
        | Program::CgroupSock(_)
        | Program::CgroupDevice(_)
        | Program::Iter(_) => Err(Never::Kernel),
    }
}
