//! The beginnings of section names that libbpf (`section_defs` in its libbpf.c, see
//! <https://docs.kernel.org/bpf/libbpf/program_types.html>) and Aya know, and what
//! each means to people and to bpf(2).

use aya_obj::generated::{
    BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS,
    bpf_attach_type::{self, *},
    bpf_prog_type::{self, *},
};

use super::Target;

/// What all sections whose names begin alike have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix {
    /// The beginning of the name: all of it, or what stands before a slash.
    pub(super) text: &'static str,
    pub(super) program_type: bpf_prog_type,
    /// The kind of place, in plain words.
    pub(super) place: &'static str,
    /// `expected_attach_type` of BPF_PROG_LOAD; 0 where it does not matter.
    pub(super) attach_type: u32,
    /// `prog_flags` of BPF_PROG_LOAD.
    pub(super) flags: u32,
    /// Whether `.s` behind the prefix marks programs that may sleep.
    pub(super) may_sleep: bool,
    /// What the rest of the name is.
    pub(super) target: Target,
}

impl Prefix {
    const fn new(text: &'static str, program_type: bpf_prog_type, place: &'static str) -> Self {
        Self {
            text,
            program_type,
            place,
            attach_type: 0,
            flags: 0,
            may_sleep: false,
            target: Target::Label,
        }
    }

    const fn attach(self, attach_type: bpf_attach_type) -> Self {
        self.attach_number(attach_type as u32)
    }

    /// For attach types that are newer than the bindings.
    const fn attach_number(mut self, attach_type: u32) -> Self {
        self.attach_type = attach_type;
        self
    }

    const fn flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }

    const fn may_sleep(mut self) -> Self {
        self.may_sleep = true;
        self
    }

    const fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// The longest prefix that `section` has, whether it stands with `.s`, and what
    /// follows it.
    pub(super) fn of(section: &str) -> Option<(&'static Self, bool, &str)> {
        PREFIXES
            .iter()
            .filter_map(|prefix| {
                let rest = section.strip_prefix(prefix.text)?;
                let (marked, rest) = match rest.strip_prefix(".s") {
                    Some(rest) if prefix.may_sleep => (true, rest),
                    _ => (false, rest),
                };
                match rest.strip_prefix('/') {
                    Some(rest) => Some((prefix, marked, rest)),
                    None => rest.is_empty().then_some((prefix, marked, rest)),
                }
            })
            .max_by_key(|(prefix, ..)| prefix.text.len())
    }
}

/// enum bpf_attach_type (include/uapi/linux/bpf.h) of Linux 6.10 and newer.
const BPF_TRACE_KPROBE_SESSION: u32 = 56;
/// Linux 6.13.
const BPF_TRACE_UPROBE_SESSION: u32 = 57;
/// Newer than Linux 6.18, the newest that this was tried on.
const BPF_TRACE_FSESSION: u32 = 58;

#[rustfmt::skip]
const PREFIXES: [Prefix; 92] = [
    Prefix::new("action", BPF_PROG_TYPE_SCHED_ACT, "packets of a network device (tc action)"),
    Prefix::new("cgroup/bind4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "bind for IPv4 in a cgroup").attach(BPF_CGROUP_INET4_BIND),
    Prefix::new("cgroup/bind6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "bind for IPv6 in a cgroup").attach(BPF_CGROUP_INET6_BIND),
    Prefix::new("cgroup/connect4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "connect for IPv4 in a cgroup").attach(BPF_CGROUP_INET4_CONNECT),
    Prefix::new("cgroup/connect6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "connect for IPv6 in a cgroup").attach(BPF_CGROUP_INET6_CONNECT),
    Prefix::new("cgroup/connect_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "connect for a Unix socket in a cgroup").attach(BPF_CGROUP_UNIX_CONNECT),
    Prefix::new("cgroup/dev", BPF_PROG_TYPE_CGROUP_DEVICE, "access to a device in a cgroup").attach(BPF_CGROUP_DEVICE),
    Prefix::new("cgroup/getpeername4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getpeername for IPv4 in a cgroup").attach(BPF_CGROUP_INET4_GETPEERNAME),
    Prefix::new("cgroup/getpeername6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getpeername for IPv6 in a cgroup").attach(BPF_CGROUP_INET6_GETPEERNAME),
    Prefix::new("cgroup/getpeername_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getpeername for a Unix socket in a cgroup").attach(BPF_CGROUP_UNIX_GETPEERNAME),
    Prefix::new("cgroup/getsockname4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getsockname for IPv4 in a cgroup").attach(BPF_CGROUP_INET4_GETSOCKNAME),
    Prefix::new("cgroup/getsockname6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getsockname for IPv6 in a cgroup").attach(BPF_CGROUP_INET6_GETSOCKNAME),
    Prefix::new("cgroup/getsockname_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "getsockname for a Unix socket in a cgroup").attach(BPF_CGROUP_UNIX_GETSOCKNAME),
    Prefix::new("cgroup/getsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT, "getsockopt in a cgroup").attach(BPF_CGROUP_GETSOCKOPT),
    Prefix::new("cgroup/post_bind4", BPF_PROG_TYPE_CGROUP_SOCK, "after bind to IPv4 in a cgroup").attach(BPF_CGROUP_INET4_POST_BIND),
    Prefix::new("cgroup/post_bind6", BPF_PROG_TYPE_CGROUP_SOCK, "after bind to IPv6 in a cgroup").attach(BPF_CGROUP_INET6_POST_BIND),
    Prefix::new("cgroup/recvmsg4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "recvmsg for IPv4 in a cgroup").attach(BPF_CGROUP_UDP4_RECVMSG),
    Prefix::new("cgroup/recvmsg6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "recvmsg for IPv6 in a cgroup").attach(BPF_CGROUP_UDP6_RECVMSG),
    Prefix::new("cgroup/recvmsg_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "recvmsg for a Unix socket in a cgroup").attach(BPF_CGROUP_UNIX_RECVMSG),
    Prefix::new("cgroup/sendmsg4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "sendmsg for IPv4 in a cgroup").attach(BPF_CGROUP_UDP4_SENDMSG),
    Prefix::new("cgroup/sendmsg6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "sendmsg for IPv6 in a cgroup").attach(BPF_CGROUP_UDP6_SENDMSG),
    Prefix::new("cgroup/sendmsg_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "sendmsg for a Unix socket in a cgroup").attach(BPF_CGROUP_UNIX_SENDMSG),
    Prefix::new("cgroup/setsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT, "setsockopt in a cgroup").attach(BPF_CGROUP_SETSOCKOPT),
    Prefix::new("cgroup/skb", BPF_PROG_TYPE_CGROUP_SKB, "packets of a cgroup"),
    Prefix::new("cgroup/sock", BPF_PROG_TYPE_CGROUP_SOCK, "creation of a socket in a cgroup").attach(BPF_CGROUP_INET_SOCK_CREATE),
    Prefix::new("cgroup/sock_create", BPF_PROG_TYPE_CGROUP_SOCK, "creation of a socket in a cgroup").attach(BPF_CGROUP_INET_SOCK_CREATE),
    Prefix::new("cgroup/sock_release", BPF_PROG_TYPE_CGROUP_SOCK, "release of a socket in a cgroup").attach(BPF_CGROUP_INET_SOCK_RELEASE),
    Prefix::new("cgroup/sysctl", BPF_PROG_TYPE_CGROUP_SYSCTL, "access to a sysctl in a cgroup").attach(BPF_CGROUP_SYSCTL),
    Prefix::new("cgroup_skb/egress", BPF_PROG_TYPE_CGROUP_SKB, "packets that a cgroup sends").attach(BPF_CGROUP_INET_EGRESS),
    Prefix::new("cgroup_skb/ingress", BPF_PROG_TYPE_CGROUP_SKB, "packets that a cgroup receives").attach(BPF_CGROUP_INET_INGRESS),
    Prefix::new("classifier", BPF_PROG_TYPE_SCHED_CLS, "packets of a network device (tc classifier)"),
    Prefix::new("fentry", BPF_PROG_TYPE_TRACING, "entry (trampoline) of kernel function").attach(BPF_TRACE_FENTRY).target(Target::Function).may_sleep(),
    Prefix::new("fexit", BPF_PROG_TYPE_TRACING, "exit (trampoline) of kernel function").attach(BPF_TRACE_FEXIT).target(Target::Function).may_sleep(),
    Prefix::new("flow_dissector", BPF_PROG_TYPE_FLOW_DISSECTOR, "flow dissection of a network namespace").attach(BPF_FLOW_DISSECTOR),
    Prefix::new("fmod_ret", BPF_PROG_TYPE_TRACING, "return value of kernel function").attach(BPF_MODIFY_RETURN).target(Target::Function).may_sleep(),
    Prefix::new("freplace", BPF_PROG_TYPE_EXT, "replacement of BPF function").target(Target::OtherProgram),
    Prefix::new("fsession", BPF_PROG_TYPE_TRACING, "entry and exit (trampoline) of kernel function").attach_number(BPF_TRACE_FSESSION).target(Target::Function).may_sleep(),
    Prefix::new("iter", BPF_PROG_TYPE_TRACING, "iterator over").attach(BPF_TRACE_ITER).target(Target::Iterator).may_sleep(),
    Prefix::new("kprobe", BPF_PROG_TYPE_KPROBE, "entry of kernel function").target(Target::Named),
    Prefix::new("kprobe.multi", BPF_PROG_TYPE_KPROBE, "entry of kernel functions").attach(BPF_TRACE_KPROBE_MULTI).target(Target::Named),
    Prefix::new("kprobe.session", BPF_PROG_TYPE_KPROBE, "entry of and return from kernel functions").attach_number(BPF_TRACE_KPROBE_SESSION).target(Target::Named),
    Prefix::new("kretprobe", BPF_PROG_TYPE_KPROBE, "return from kernel function").target(Target::Named),
    Prefix::new("kretprobe.multi", BPF_PROG_TYPE_KPROBE, "return from kernel functions").attach(BPF_TRACE_KPROBE_MULTI).target(Target::Named),
    Prefix::new("kretsyscall", BPF_PROG_TYPE_KPROBE, "return from system call").target(Target::Named),
    Prefix::new("ksyscall", BPF_PROG_TYPE_KPROBE, "entry of system call").target(Target::Named),
    Prefix::new("lirc_mode2", BPF_PROG_TYPE_LIRC_MODE2, "infrared signals").attach(BPF_LIRC_MODE2),
    Prefix::new("lsm", BPF_PROG_TYPE_LSM, "security hook").attach(BPF_LSM_MAC).target(Target::LsmHook).may_sleep(),
    Prefix::new("lsm_cgroup", BPF_PROG_TYPE_LSM, "cgroup security hook").attach(BPF_LSM_CGROUP).target(Target::LsmHook),
    Prefix::new("lwt_in", BPF_PROG_TYPE_LWT_IN, "packets into a lightweight tunnel"),
    Prefix::new("lwt_out", BPF_PROG_TYPE_LWT_OUT, "packets out of a lightweight tunnel"),
    Prefix::new("lwt_seg6local", BPF_PROG_TYPE_LWT_SEG6LOCAL, "packets of an IPv6 segment routing tunnel"),
    Prefix::new("lwt_xmit", BPF_PROG_TYPE_LWT_XMIT, "packets sent by a lightweight tunnel"),
    Prefix::new("netfilter", BPF_PROG_TYPE_NETFILTER, "netfilter hook").attach(BPF_NETFILTER),
    Prefix::new("netkit/peer", BPF_PROG_TYPE_SCHED_CLS, "packets of the peer of a netkit device").attach(BPF_NETKIT_PEER),
    Prefix::new("netkit/primary", BPF_PROG_TYPE_SCHED_CLS, "packets of a netkit device").attach(BPF_NETKIT_PRIMARY),
    Prefix::new("perf_event", BPF_PROG_TYPE_PERF_EVENT, "perf event"),
    Prefix::new("raw_tp", BPF_PROG_TYPE_RAW_TRACEPOINT, "raw tracepoint").target(Target::Named),
    Prefix::new("raw_tp.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, "writable raw tracepoint").target(Target::Named),
    Prefix::new("raw_tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT, "raw tracepoint").target(Target::Named),
    Prefix::new("raw_tracepoint.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE, "writable raw tracepoint").target(Target::Named),
    Prefix::new("sk_lookup", BPF_PROG_TYPE_SK_LOOKUP, "choice of a listening socket").attach(BPF_SK_LOOKUP),
    Prefix::new("sk_msg", BPF_PROG_TYPE_SK_MSG, "messages sent by sockets in a sockmap").attach(BPF_SK_MSG_VERDICT),
    Prefix::new("sk_reuseport", BPF_PROG_TYPE_SK_REUSEPORT, "choice among sockets of one port").attach(BPF_SK_REUSEPORT_SELECT),
    Prefix::new("sk_reuseport/migrate", BPF_PROG_TYPE_SK_REUSEPORT, "choice among sockets of one port, also on migration").attach(BPF_SK_REUSEPORT_SELECT_OR_MIGRATE),
    Prefix::new("sk_skb", BPF_PROG_TYPE_SK_SKB, "packets of sockets in a sockmap"),
    Prefix::new("sk_skb/stream_parser", BPF_PROG_TYPE_SK_SKB, "message boundaries of sockets in a sockmap").attach(BPF_SK_SKB_STREAM_PARSER),
    Prefix::new("sk_skb/stream_verdict", BPF_PROG_TYPE_SK_SKB, "verdict on messages of sockets in a sockmap").attach(BPF_SK_SKB_STREAM_VERDICT),
    Prefix::new("sk_skb/verdict", BPF_PROG_TYPE_SK_SKB, "verdict on packets of sockets in a sockmap").attach(BPF_SK_SKB_VERDICT),
    Prefix::new("socket", BPF_PROG_TYPE_SOCKET_FILTER, "packets of a socket"),
    Prefix::new("sockops", BPF_PROG_TYPE_SOCK_OPS, "TCP socket events in a cgroup").attach(BPF_CGROUP_SOCK_OPS),
    Prefix::new("struct_ops", BPF_PROG_TYPE_STRUCT_OPS, "kernel operation").target(Target::StructOps).may_sleep(),
    Prefix::new("syscall", BPF_PROG_TYPE_SYSCALL, "run by user space").flags(BPF_F_SLEEPABLE),
    Prefix::new("tc", BPF_PROG_TYPE_SCHED_CLS, "packets of a network device (tc classifier)"),
    Prefix::new("tc/egress", BPF_PROG_TYPE_SCHED_CLS, "packets that a network device sends (tc)").attach(BPF_TCX_EGRESS),
    Prefix::new("tc/ingress", BPF_PROG_TYPE_SCHED_CLS, "packets that a network device receives (tc)").attach(BPF_TCX_INGRESS),
    Prefix::new("tcx/egress", BPF_PROG_TYPE_SCHED_CLS, "packets that a network device sends (tcx)").attach(BPF_TCX_EGRESS),
    Prefix::new("tcx/ingress", BPF_PROG_TYPE_SCHED_CLS, "packets that a network device receives (tcx)").attach(BPF_TCX_INGRESS),
    Prefix::new("tp", BPF_PROG_TYPE_TRACEPOINT, "tracepoint").target(Target::Tracepoint),
    Prefix::new("tp_btf", BPF_PROG_TYPE_TRACING, "BTF tracepoint").attach(BPF_TRACE_RAW_TP).target(Target::BtfTracepoint),
    Prefix::new("tracepoint", BPF_PROG_TYPE_TRACEPOINT, "tracepoint").target(Target::Tracepoint),
    Prefix::new("uprobe", BPF_PROG_TYPE_KPROBE, "entry of user function").target(Target::Named).may_sleep(),
    Prefix::new("uprobe.multi", BPF_PROG_TYPE_KPROBE, "entry of user functions").attach(BPF_TRACE_UPROBE_MULTI).target(Target::Named).may_sleep(),
    Prefix::new("uprobe.session", BPF_PROG_TYPE_KPROBE, "entry of and return from user functions").attach_number(BPF_TRACE_UPROBE_SESSION).target(Target::Named).may_sleep(),
    Prefix::new("uretprobe", BPF_PROG_TYPE_KPROBE, "return from user function").target(Target::Named).may_sleep(),
    Prefix::new("uretprobe.multi", BPF_PROG_TYPE_KPROBE, "return from user functions").attach(BPF_TRACE_UPROBE_MULTI).target(Target::Named).may_sleep(),
    Prefix::new("usdt", BPF_PROG_TYPE_KPROBE, "user statically defined tracepoint").target(Target::Named).may_sleep(),
    Prefix::new("xdp", BPF_PROG_TYPE_XDP, "packets at the network driver").attach(BPF_XDP),
    Prefix::new("xdp.frags", BPF_PROG_TYPE_XDP, "packets at the network driver (multi-buffer)").attach(BPF_XDP).flags(BPF_F_XDP_HAS_FRAGS),
    Prefix::new("xdp.frags/cpumap", BPF_PROG_TYPE_XDP, "packets redirected through a cpumap (multi-buffer)").attach(BPF_XDP_CPUMAP).flags(BPF_F_XDP_HAS_FRAGS),
    Prefix::new("xdp.frags/devmap", BPF_PROG_TYPE_XDP, "packets redirected through a devmap (multi-buffer)").attach(BPF_XDP_DEVMAP).flags(BPF_F_XDP_HAS_FRAGS),
    Prefix::new("xdp/cpumap", BPF_PROG_TYPE_XDP, "packets redirected through a cpumap").attach(BPF_XDP_CPUMAP),
    Prefix::new("xdp/devmap", BPF_PROG_TYPE_XDP, "packets redirected through a devmap").attach(BPF_XDP_DEVMAP),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_wins() {
        let parts =
            |section| Prefix::of(section).map(|(prefix, marked, rest)| (prefix.text, marked, rest));
        assert_eq!(parts("xdp"), Some(("xdp", false, "")));
        assert_eq!(parts("xdp/devmap"), Some(("xdp/devmap", false, "")));
        assert_eq!(parts("xdp/my_label"), Some(("xdp", false, "my_label")));
        assert_eq!(
            parts("cgroup/sock_release"),
            Some(("cgroup/sock_release", false, ""))
        );
        assert_eq!(
            parts("uprobe.session/f"),
            Some(("uprobe.session", false, "f"))
        );
        assert_eq!(parts("fentry.s/f"), Some(("fentry", true, "f")));
        assert_eq!(parts("tracepoint/a/b"), Some(("tracepoint", false, "a/b")));
        // Neither libbpf nor the kernel has kprobes that sleep.
        assert_eq!(parts("kprobe.s/f"), None);
        assert_eq!(parts("tcp"), None);
    }

    #[test]
    fn each_prefix_stands_once_and_finds_itself() {
        for pair in PREFIXES.windows(2) {
            assert!(
                pair[0].text < pair[1].text,
                "{} {}",
                pair[0].text,
                pair[1].text
            );
        }
        for prefix in PREFIXES {
            let found = Prefix::of(prefix.text).map(|(prefix, ..)| prefix.text);
            assert_eq!(found, Some(prefix.text));
        }
    }
}
