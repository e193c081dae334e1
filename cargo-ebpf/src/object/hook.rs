//! What the name of a program's section says: the type of the program and where it
//! attaches. This is the convention of libbpf (`section_defs` in its libbpf.c), which
//! Aya follows.

use aya_obj::generated::bpf_prog_type as T;
use serde::Serialize;

use super::Name;

/// Where a program attaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Hook {
    /// The program type, as the kernel calls it in lower case, such as `tracing`.
    #[serde(rename = "type")]
    pub program_type: String,
    /// The kind of place, in plain words.
    pub place: &'static str,
    /// Which one of its kind. None where the kind has only one, or the loader chooses.
    pub target: Option<Name>,
    /// Whether the kind has many, of which one has to be chosen.
    #[serde(skip)]
    takes_target: bool,
    /// Whether the program may sleep.
    pub sleepable: bool,
    /// Whether libbpf loads it unasked: not if its section begins with `?`.
    pub autoload: bool,
}

impl Hook {
    /// Reads a section name. None if it follows no convention, so that neither libbpf
    /// nor Aya would know what to do with the program.
    pub(super) fn of(section: &str) -> Option<Self> {
        let (section, autoload) = match section.strip_prefix('?') {
            Some(rest) => (rest, false),
            None => (section, true),
        };
        let (row, sleepable, rest) = lookup(section)?;
        let (_, program_type, place, target) = row;
        let target = match target {
            Target::No => None,
            Target::Named => Some(rest.to_owned()),
            Target::Tracepoint => Some(rest.replacen('/', ":", 1)),
        };
        Some(Self {
            // The variants are called BPF_PROG_TYPE_<NAME>.
            program_type: format!("{program_type:?}")
                .trim_start_matches("BPF_PROG_TYPE_")
                .to_ascii_lowercase(),
            place,
            takes_target: target.is_some(),
            target: target.filter(|target| !target.is_empty()).map(Name::from),
            sleepable,
            autoload,
        })
    }

    /// Where it attaches, in words: `BTF tracepoint
    /// contention_begin`.
    pub(crate) fn describe(&self) -> String {
        match &self.target {
            Some(target) => format!("{} {target}", self.place),
            None if self.takes_target => format!("{}, chosen by the loader", self.place),
            None => self.place.to_owned(),
        }
    }
}

/// The row of the longest prefix that `section` has, whether it is the sleepable
/// variant (`<prefix>.s`), and what follows the prefix.
fn lookup(section: &str) -> Option<(Row, bool, &str)> {
    let found = SECTIONS.into_iter().filter_map(|row| {
        let rest = section.strip_prefix(row.0)?;
        let (sleepable, rest) = match rest.strip_prefix(".s") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        match rest.strip_prefix('/') {
            Some(rest) => Some((row, sleepable, rest)),
            None if rest.is_empty() => Some((row, sleepable, rest)),
            None => None,
        }
    });
    found.max_by_key(|(row, ..)| row.0.len())
}

/// What follows the prefix of a section name.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// At most a label that means nothing.
    No,
    /// The name of what to attach to, if the loader does not choose it.
    Named,
    /// The tracepoint, as `category/name`.
    Tracepoint,
}

type Row = (&'static str, T, &'static str, Target);

/// Prefix of the section name, program type, place in words, what follows.
#[rustfmt::skip]
const SECTIONS: [Row; 92] = [
    ("action", T::BPF_PROG_TYPE_SCHED_ACT, "packets of a network device (tc action)", Target::No),
    ("cgroup/bind4", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "bind for IPv4 in a cgroup", Target::No),
    ("cgroup/bind6", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "bind for IPv6 in a cgroup", Target::No),
    ("cgroup/connect4", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "connect for IPv4 in a cgroup", Target::No),
    ("cgroup/connect6", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "connect for IPv6 in a cgroup", Target::No),
    ("cgroup/connect_unix", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "connect for a Unix socket in a cgroup", Target::No),
    ("cgroup/dev", T::BPF_PROG_TYPE_CGROUP_DEVICE, "access to a device in a cgroup", Target::No),
    ("cgroup/getpeername4", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getpeername for IPv4 in a cgroup", Target::No),
    ("cgroup/getpeername6", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getpeername for IPv6 in a cgroup", Target::No),
    ("cgroup/getpeername_unix", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getpeername for a Unix socket in a cgroup", Target::No),
    ("cgroup/getsockname4", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getsockname for IPv4 in a cgroup", Target::No),
    ("cgroup/getsockname6", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getsockname for IPv6 in a cgroup", Target::No),
    ("cgroup/getsockname_unix", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getsockname for a Unix socket in a cgroup", Target::No),
    ("cgroup/getsockopt", T::BPF_PROG_TYPE_CGROUP_SOCKOPT, "getsockopt in a cgroup", Target::No),
    ("cgroup/post_bind4", T::BPF_PROG_TYPE_CGROUP_SOCK, "after bind to IPv4 in a cgroup", Target::No),
    ("cgroup/post_bind6", T::BPF_PROG_TYPE_CGROUP_SOCK, "after bind to IPv6 in a cgroup", Target::No),
    ("cgroup/recvmsg4", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "recvmsg for IPv4 in a cgroup", Target::No),
    ("cgroup/recvmsg6", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "recvmsg for IPv6 in a cgroup", Target::No),
    ("cgroup/recvmsg_unix", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "recvmsg for a Unix socket in a cgroup", Target::No),
    ("cgroup/sendmsg4", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "sendmsg for IPv4 in a cgroup", Target::No),
    ("cgroup/sendmsg6", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "sendmsg for IPv6 in a cgroup", Target::No),
    ("cgroup/sendmsg_unix", T::BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "sendmsg for a Unix socket in a cgroup", Target::No),
    ("cgroup/setsockopt", T::BPF_PROG_TYPE_CGROUP_SOCKOPT, "setsockopt in a cgroup", Target::No),
    ("cgroup/skb", T::BPF_PROG_TYPE_CGROUP_SKB, "packets of a cgroup", Target::No),
    ("cgroup/sock", T::BPF_PROG_TYPE_CGROUP_SOCK, "creation of a socket in a cgroup", Target::No),
    ("cgroup/sock_create", T::BPF_PROG_TYPE_CGROUP_SOCK, "creation of a socket in a cgroup", Target::No),
    ("cgroup/sock_release", T::BPF_PROG_TYPE_CGROUP_SOCK, "release of a socket in a cgroup", Target::No),
    ("cgroup/sysctl", T::BPF_PROG_TYPE_CGROUP_SYSCTL, "access to a sysctl in a cgroup", Target::No),
    ("cgroup_skb/egress", T::BPF_PROG_TYPE_CGROUP_SKB, "packets that a cgroup sends", Target::No),
    ("cgroup_skb/ingress", T::BPF_PROG_TYPE_CGROUP_SKB, "packets that a cgroup receives", Target::No),
    ("classifier", T::BPF_PROG_TYPE_SCHED_CLS, "packets of a network device (tc classifier)", Target::No),
    ("fentry", T::BPF_PROG_TYPE_TRACING, "entry (trampoline) of kernel function", Target::Named),
    ("fexit", T::BPF_PROG_TYPE_TRACING, "exit (trampoline) of kernel function", Target::Named),
    ("flow_dissector", T::BPF_PROG_TYPE_FLOW_DISSECTOR, "flow dissection of a network namespace", Target::No),
    ("fmod_ret", T::BPF_PROG_TYPE_TRACING, "return value of kernel function", Target::Named),
    ("freplace", T::BPF_PROG_TYPE_EXT, "replacement of BPF function", Target::Named),
    ("fsession", T::BPF_PROG_TYPE_TRACING, "entry and exit (trampoline) of kernel function", Target::Named),
    ("iter", T::BPF_PROG_TYPE_TRACING, "iterator over", Target::Named),
    ("kprobe", T::BPF_PROG_TYPE_KPROBE, "entry of kernel function", Target::Named),
    ("kprobe.multi", T::BPF_PROG_TYPE_KPROBE, "entry of kernel functions", Target::Named),
    ("kprobe.session", T::BPF_PROG_TYPE_KPROBE, "entry of and return from kernel functions", Target::Named),
    ("kretprobe", T::BPF_PROG_TYPE_KPROBE, "return from kernel function", Target::Named),
    ("kretprobe.multi", T::BPF_PROG_TYPE_KPROBE, "return from kernel functions", Target::Named),
    ("kretsyscall", T::BPF_PROG_TYPE_KPROBE, "return from system call", Target::Named),
    ("ksyscall", T::BPF_PROG_TYPE_KPROBE, "entry of system call", Target::Named),
    ("lirc_mode2", T::BPF_PROG_TYPE_LIRC_MODE2, "infrared signals", Target::No),
    ("lsm", T::BPF_PROG_TYPE_LSM, "security hook", Target::Named),
    ("lsm_cgroup", T::BPF_PROG_TYPE_LSM, "cgroup security hook", Target::Named),
    ("lwt_in", T::BPF_PROG_TYPE_LWT_IN, "packets into a lightweight tunnel", Target::No),
    ("lwt_out", T::BPF_PROG_TYPE_LWT_OUT, "packets out of a lightweight tunnel", Target::No),
    ("lwt_seg6local", T::BPF_PROG_TYPE_LWT_SEG6LOCAL, "packets of an IPv6 segment routing tunnel", Target::No),
    ("lwt_xmit", T::BPF_PROG_TYPE_LWT_XMIT, "packets sent by a lightweight tunnel", Target::No),
    ("netfilter", T::BPF_PROG_TYPE_NETFILTER, "netfilter hook", Target::No),
    ("netkit/peer", T::BPF_PROG_TYPE_SCHED_CLS, "packets of the peer of a netkit device", Target::No),
    ("netkit/primary", T::BPF_PROG_TYPE_SCHED_CLS, "packets of a netkit device", Target::No),
    ("perf_event", T::BPF_PROG_TYPE_PERF_EVENT, "perf event", Target::No),
    ("raw_tp", T::BPF_PROG_TYPE_RAW_TRACEPOINT, "raw tracepoint", Target::Named),
    ("raw_tp.w", T::BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, "writable raw tracepoint", Target::Named),
    ("raw_tracepoint", T::BPF_PROG_TYPE_RAW_TRACEPOINT, "raw tracepoint", Target::Named),
    ("raw_tracepoint.w", T::BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, "writable raw tracepoint", Target::Named),
    ("sk_lookup", T::BPF_PROG_TYPE_SK_LOOKUP, "choice of a listening socket", Target::No),
    ("sk_msg", T::BPF_PROG_TYPE_SK_MSG, "messages sent by sockets in a sockmap", Target::No),
    ("sk_reuseport", T::BPF_PROG_TYPE_SK_REUSEPORT, "choice among sockets of one port", Target::No),
    ("sk_reuseport/migrate", T::BPF_PROG_TYPE_SK_REUSEPORT, "choice among sockets of one port, also on migration", Target::No),
    ("sk_skb", T::BPF_PROG_TYPE_SK_SKB, "packets of sockets in a sockmap", Target::No),
    ("sk_skb/stream_parser", T::BPF_PROG_TYPE_SK_SKB, "message boundaries of sockets in a sockmap", Target::No),
    ("sk_skb/stream_verdict", T::BPF_PROG_TYPE_SK_SKB, "verdict on messages of sockets in a sockmap", Target::No),
    ("sk_skb/verdict", T::BPF_PROG_TYPE_SK_SKB, "verdict on packets of sockets in a sockmap", Target::No),
    ("socket", T::BPF_PROG_TYPE_SOCKET_FILTER, "packets of a socket", Target::No),
    ("sockops", T::BPF_PROG_TYPE_SOCK_OPS, "TCP socket events in a cgroup", Target::No),
    ("struct_ops", T::BPF_PROG_TYPE_STRUCT_OPS, "kernel operation", Target::Named),
    ("syscall", T::BPF_PROG_TYPE_SYSCALL, "run by user space", Target::No),
    ("tc", T::BPF_PROG_TYPE_SCHED_CLS, "packets of a network device (tc classifier)", Target::No),
    ("tc/egress", T::BPF_PROG_TYPE_SCHED_CLS, "packets that a network device sends (tc)", Target::No),
    ("tc/ingress", T::BPF_PROG_TYPE_SCHED_CLS, "packets that a network device receives (tc)", Target::No),
    ("tcx/egress", T::BPF_PROG_TYPE_SCHED_CLS, "packets that a network device sends (tcx)", Target::No),
    ("tcx/ingress", T::BPF_PROG_TYPE_SCHED_CLS, "packets that a network device receives (tcx)", Target::No),
    ("tp", T::BPF_PROG_TYPE_TRACEPOINT, "tracepoint", Target::Tracepoint),
    ("tp_btf", T::BPF_PROG_TYPE_TRACING, "BTF tracepoint", Target::Named),
    ("tracepoint", T::BPF_PROG_TYPE_TRACEPOINT, "tracepoint", Target::Tracepoint),
    ("uprobe", T::BPF_PROG_TYPE_KPROBE, "entry of user function", Target::Named),
    ("uprobe.multi", T::BPF_PROG_TYPE_KPROBE, "entry of user functions", Target::Named),
    ("uprobe.session", T::BPF_PROG_TYPE_KPROBE, "entry of and return from user functions", Target::Named),
    ("uretprobe", T::BPF_PROG_TYPE_KPROBE, "return from user function", Target::Named),
    ("uretprobe.multi", T::BPF_PROG_TYPE_KPROBE, "return from user functions", Target::Named),
    ("usdt", T::BPF_PROG_TYPE_KPROBE, "user statically defined tracepoint", Target::Named),
    ("xdp", T::BPF_PROG_TYPE_XDP, "packets at the network driver", Target::No),
    ("xdp.frags", T::BPF_PROG_TYPE_XDP, "packets at the network driver (multi-buffer)", Target::No),
    ("xdp.frags/cpumap", T::BPF_PROG_TYPE_XDP, "packets redirected through a cpumap (multi-buffer)", Target::No),
    ("xdp.frags/devmap", T::BPF_PROG_TYPE_XDP, "packets redirected through a devmap (multi-buffer)", Target::No),
    ("xdp/cpumap", T::BPF_PROG_TYPE_XDP, "packets redirected through a cpumap", Target::No),
    ("xdp/devmap", T::BPF_PROG_TYPE_XDP, "packets redirected through a devmap", Target::No),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &str) -> (String, String) {
        let hook = Hook::of(section).unwrap_or_else(|| panic!("{section}"));
        (hook.program_type.clone(), hook.describe())
    }

    #[test]
    fn sections_of_aya_and_libbpf() {
        for (section, program_type, words) in [
            (
                "tp_btf/contention_begin",
                "tracing",
                "BTF tracepoint contention_begin",
            ),
            (
                "kprobe/do_sys_open",
                "kprobe",
                "entry of kernel function do_sys_open",
            ),
            (
                "kprobe",
                "kprobe",
                "entry of kernel function, chosen by the loader",
            ),
            (
                "kprobe.multi/tcp_*",
                "kprobe",
                "entry of kernel functions tcp_*",
            ),
            (
                "fentry.s/vfs_read",
                "tracing",
                "entry (trampoline) of kernel function vfs_read",
            ),
            (
                "uprobe//usr/lib/libc.so.6:malloc",
                "kprobe",
                "entry of user function /usr/lib/libc.so.6:malloc",
            ),
            (
                "tracepoint/sched/sched_switch",
                "tracepoint",
                "tracepoint sched:sched_switch",
            ),
            (
                "tp/sched/sched_switch",
                "tracepoint",
                "tracepoint sched:sched_switch",
            ),
            (
                "raw_tp/sys_enter",
                "raw_tracepoint",
                "raw tracepoint sys_enter",
            ),
            (
                "lsm.s/bprm_committed_creds",
                "lsm",
                "security hook bprm_committed_creds",
            ),
            (
                "lsm_cgroup/socket_bind",
                "lsm",
                "cgroup security hook socket_bind",
            ),
            (
                "cgroup/connect4",
                "cgroup_sock_addr",
                "connect for IPv4 in a cgroup",
            ),
            (
                "cgroup_skb/egress",
                "cgroup_skb",
                "packets that a cgroup sends",
            ),
            ("xdp", "xdp", "packets at the network driver"),
            ("xdp/my_label", "xdp", "packets at the network driver"),
            (
                "xdp.frags/devmap",
                "xdp",
                "packets redirected through a devmap (multi-buffer)",
            ),
            (
                "classifier",
                "sched_cls",
                "packets of a network device (tc classifier)",
            ),
            (
                "tcx/ingress",
                "sched_cls",
                "packets that a network device receives (tcx)",
            ),
            (
                "struct_ops/select_cpu",
                "struct_ops",
                "kernel operation select_cpu",
            ),
            ("iter/task", "tracing", "iterator over task"),
            ("sk_lookup", "sk_lookup", "choice of a listening socket"),
            ("perf_event", "perf_event", "perf event"),
            ("syscall", "syscall", "run by user space"),
            ("socket", "socket_filter", "packets of a socket"),
        ] {
            assert_eq!(
                read(section),
                (program_type.to_owned(), words.to_owned()),
                "{section}"
            );
        }
    }

    #[test]
    fn marks_of_the_name() {
        assert!(Hook::of("fentry.s/vfs_read").is_some_and(|hook| hook.sleepable && hook.autoload));
        assert!(Hook::of("?kprobe/x").is_some_and(|hook| !hook.sleepable && !hook.autoload));
    }

    #[test]
    fn other_names_say_nothing() {
        for section in [
            "",
            "text",
            "kprobes/x",
            "tp_btf2",
            ".text",
            "cgroup",
            "cgroup/nothing",
        ] {
            assert_eq!(Hook::of(section), None, "{section}");
        }
    }

    #[test]
    fn a_prefix_stands_once() {
        for pair in SECTIONS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} {}", pair[0].0, pair[1].0);
        }
    }
}
