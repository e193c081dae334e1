//! What a section's name says about the programs in it: how the kernel is asked to
//! load them. The names are those of libbpf and Aya, see
//! <https://docs.kernel.org/bpf/libbpf/program_types.html>.

use aya_obj::generated::{
    BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS,
    bpf_attach_type::{self as attach, *},
    bpf_prog_type::{self, *},
};

use super::type_id::Kind;

/// What a program is attached to, as far as loading needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Chosen when the program is attached.
    AtAttach,
    /// A type of the kernel's BTF: this prefix, then the name in the section's name.
    KernelType {
        prefix: &'static str,
        kind: Kind,
        /// How people call such a thing.
        what: &'static str,
        /// Whether the kernel needs a BPF trampoline to call the program.
        trampoline: bool,
    },
    /// Something that the object alone does not tell.
    Elsewhere(&'static str),
}

/// How the programs of a section are loaded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hook {
    section: &'static str,
    pub(super) program_type: bpf_prog_type,
    expected_attach_type: u32,
    pub(super) flags: u32,
    pub(super) target: Target,
}

impl Hook {
    const fn new(section: &'static str, program_type: bpf_prog_type) -> Self {
        Self {
            section,
            program_type,
            expected_attach_type: 0,
            flags: 0,
            target: Target::AtAttach,
        }
    }

    const fn attach(mut self, attach_type: attach) -> Self {
        self.expected_attach_type = attach_type as u32;
        self
    }

    /// For attach types that are newer than the bindings.
    const fn attach_number(mut self, attach_type: u32) -> Self {
        self.expected_attach_type = attach_type;
        self
    }

    const fn flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }

    const fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// The hook of a section, if its name is known: the whole name, or what stands
    /// before a slash.
    pub(super) fn of_section(section: &str) -> Option<&'static Self> {
        HOOKS
            .iter()
            .filter(|hook| {
                section
                    .strip_prefix(hook.section)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .max_by_key(|hook| hook.section.len())
    }

    /// `expected_attach_type` of BPF_PROG_LOAD; 0 where it does not matter.
    pub(super) fn expected_attach_type(&self) -> u32 {
        self.expected_attach_type
    }

    /// What the section's name says behind the hook: an attach target, or nothing.
    pub(super) fn target_name<'name>(&self, section: &'name str) -> &'name str {
        section
            .strip_prefix(self.section)
            .map_or("", |rest| rest.trim_start_matches('/'))
    }

    /// The program type as bpf(2) calls it, in small letters: `tracing`, `xdp`.
    pub(super) fn type_name(&self) -> String {
        format!("{:?}", self.program_type)
            .trim_start_matches("BPF_PROG_TYPE_")
            .to_ascii_lowercase()
    }

    /// Whether the kernel calls such a program through a BPF trampoline.
    pub(super) fn needs_trampoline(&self) -> bool {
        matches!(
            self.target,
            Target::KernelType {
                trampoline: true,
                ..
            }
        )
    }
}

/// A function of the kernel, hooked through a trampoline.
const FUNCTION: Target = Target::KernelType {
    prefix: "",
    kind: Kind::Function,
    what: "function",
    trampoline: true,
};

const LSM_HOOK: Target = Target::KernelType {
    prefix: "bpf_lsm_",
    kind: Kind::Function,
    what: "LSM hook",
    trampoline: true,
};

const ITERATOR: Target = Target::KernelType {
    prefix: "bpf_iter_",
    kind: Kind::Function,
    what: "iterator",
    trampoline: false,
};

const TRACEPOINT: Target = Target::KernelType {
    prefix: "btf_trace_",
    kind: Kind::Typedef,
    what: "tracepoint",
    trampoline: false,
};

const OTHER_PROGRAM: Target =
    Target::Elsewhere("it replaces a function of another program, which has to be loaded first");
const STRUCT_OPS: Target =
    Target::Elsewhere("it belongs to a struct_ops map, and is loaded together with it");

/// enum bpf_attach_type of Linux 6.10 and newer (include/uapi/linux/bpf.h).
const BPF_TRACE_KPROBE_SESSION: u32 = 56;
/// Linux 6.13.
const BPF_TRACE_UPROBE_SESSION: u32 = 57;

#[rustfmt::skip]
const HOOKS: &[Hook] = &[
    Hook::new("action", BPF_PROG_TYPE_SCHED_ACT),
    Hook::new("cgroup/bind4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_INET4_BIND),
    Hook::new("cgroup/bind6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_INET6_BIND),
    Hook::new("cgroup/connect4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_INET4_CONNECT),
    Hook::new("cgroup/connect6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_INET6_CONNECT),
    Hook::new("cgroup/connect_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_UNIX_CONNECT),
    Hook::new("cgroup/dev", BPF_PROG_TYPE_CGROUP_DEVICE).attach(BPF_CGROUP_DEVICE),
    Hook::new("cgroup/getpeername4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_INET4_GETPEERNAME),
    Hook::new("cgroup/getpeername6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_INET6_GETPEERNAME),
    Hook::new("cgroup/getpeername_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_UNIX_GETPEERNAME),
    Hook::new("cgroup/getsockname4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_INET4_GETSOCKNAME),
    Hook::new("cgroup/getsockname6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_INET6_GETSOCKNAME),
    Hook::new("cgroup/getsockname_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_UNIX_GETSOCKNAME),
    Hook::new("cgroup/getsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT).attach(BPF_CGROUP_GETSOCKOPT),
    Hook::new("cgroup/post_bind4", BPF_PROG_TYPE_CGROUP_SOCK).attach(BPF_CGROUP_INET4_POST_BIND),
    Hook::new("cgroup/post_bind6", BPF_PROG_TYPE_CGROUP_SOCK).attach(BPF_CGROUP_INET6_POST_BIND),
    Hook::new("cgroup/recvmsg4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_UDP4_RECVMSG),
    Hook::new("cgroup/recvmsg6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_UDP6_RECVMSG),
    Hook::new("cgroup/recvmsg_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_UNIX_RECVMSG),
    Hook::new("cgroup/sendmsg4", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_UDP4_SENDMSG),
    Hook::new("cgroup/sendmsg6", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_UDP6_SENDMSG),
    Hook::new("cgroup/sendmsg_unix", BPF_PROG_TYPE_CGROUP_SOCK_ADDR).attach(BPF_CGROUP_UNIX_SENDMSG),
    Hook::new("cgroup/setsockopt", BPF_PROG_TYPE_CGROUP_SOCKOPT).attach(BPF_CGROUP_SETSOCKOPT),
    Hook::new("cgroup/skb", BPF_PROG_TYPE_CGROUP_SKB),
    Hook::new("cgroup/sock", BPF_PROG_TYPE_CGROUP_SOCK).attach(BPF_CGROUP_INET_SOCK_CREATE),
    Hook::new("cgroup/sock_create", BPF_PROG_TYPE_CGROUP_SOCK).attach(BPF_CGROUP_INET_SOCK_CREATE),
    Hook::new("cgroup/sock_release", BPF_PROG_TYPE_CGROUP_SOCK).attach(BPF_CGROUP_INET_SOCK_RELEASE),
    Hook::new("cgroup/sysctl", BPF_PROG_TYPE_CGROUP_SYSCTL).attach(BPF_CGROUP_SYSCTL),
    Hook::new("cgroup_skb/egress", BPF_PROG_TYPE_CGROUP_SKB).attach(BPF_CGROUP_INET_EGRESS),
    Hook::new("cgroup_skb/ingress", BPF_PROG_TYPE_CGROUP_SKB).attach(BPF_CGROUP_INET_INGRESS),
    Hook::new("classifier", BPF_PROG_TYPE_SCHED_CLS),
    Hook::new("fentry", BPF_PROG_TYPE_TRACING).attach(BPF_TRACE_FENTRY).target(FUNCTION),
    Hook::new("fentry.s", BPF_PROG_TYPE_TRACING).attach(BPF_TRACE_FENTRY).flags(BPF_F_SLEEPABLE).target(FUNCTION),
    Hook::new("fexit", BPF_PROG_TYPE_TRACING).attach(BPF_TRACE_FEXIT).target(FUNCTION),
    Hook::new("fexit.s", BPF_PROG_TYPE_TRACING).attach(BPF_TRACE_FEXIT).flags(BPF_F_SLEEPABLE).target(FUNCTION),
    Hook::new("flow_dissector", BPF_PROG_TYPE_FLOW_DISSECTOR).attach(BPF_FLOW_DISSECTOR),
    Hook::new("fmod_ret", BPF_PROG_TYPE_TRACING).attach(BPF_MODIFY_RETURN).target(FUNCTION),
    Hook::new("fmod_ret.s", BPF_PROG_TYPE_TRACING).attach(BPF_MODIFY_RETURN).flags(BPF_F_SLEEPABLE).target(FUNCTION),
    Hook::new("freplace", BPF_PROG_TYPE_EXT).target(OTHER_PROGRAM),
    Hook::new("iter", BPF_PROG_TYPE_TRACING).attach(BPF_TRACE_ITER).target(ITERATOR),
    Hook::new("iter.s", BPF_PROG_TYPE_TRACING).attach(BPF_TRACE_ITER).flags(BPF_F_SLEEPABLE).target(ITERATOR),
    Hook::new("kprobe", BPF_PROG_TYPE_KPROBE),
    Hook::new("kprobe.multi", BPF_PROG_TYPE_KPROBE).attach(BPF_TRACE_KPROBE_MULTI),
    Hook::new("kprobe.session", BPF_PROG_TYPE_KPROBE).attach_number(BPF_TRACE_KPROBE_SESSION),
    Hook::new("kretprobe", BPF_PROG_TYPE_KPROBE),
    Hook::new("kretprobe.multi", BPF_PROG_TYPE_KPROBE).attach(BPF_TRACE_KPROBE_MULTI),
    Hook::new("kretsyscall", BPF_PROG_TYPE_KPROBE),
    Hook::new("ksyscall", BPF_PROG_TYPE_KPROBE),
    Hook::new("lirc_mode2", BPF_PROG_TYPE_LIRC_MODE2).attach(BPF_LIRC_MODE2),
    Hook::new("lsm", BPF_PROG_TYPE_LSM).attach(BPF_LSM_MAC).target(LSM_HOOK),
    Hook::new("lsm.s", BPF_PROG_TYPE_LSM).attach(BPF_LSM_MAC).flags(BPF_F_SLEEPABLE).target(LSM_HOOK),
    Hook::new("lsm_cgroup", BPF_PROG_TYPE_LSM).attach(BPF_LSM_CGROUP).target(LSM_HOOK),
    Hook::new("lwt_in", BPF_PROG_TYPE_LWT_IN),
    Hook::new("lwt_out", BPF_PROG_TYPE_LWT_OUT),
    Hook::new("lwt_seg6local", BPF_PROG_TYPE_LWT_SEG6LOCAL),
    Hook::new("lwt_xmit", BPF_PROG_TYPE_LWT_XMIT),
    Hook::new("netfilter", BPF_PROG_TYPE_NETFILTER).attach(BPF_NETFILTER),
    Hook::new("netkit/peer", BPF_PROG_TYPE_SCHED_CLS).attach(BPF_NETKIT_PEER),
    Hook::new("netkit/primary", BPF_PROG_TYPE_SCHED_CLS).attach(BPF_NETKIT_PRIMARY),
    Hook::new("perf_event", BPF_PROG_TYPE_PERF_EVENT),
    Hook::new("raw_tp", BPF_PROG_TYPE_RAW_TRACEPOINT),
    Hook::new("raw_tp.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE),
    Hook::new("raw_tracepoint", BPF_PROG_TYPE_RAW_TRACEPOINT),
    Hook::new("raw_tracepoint.w", BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE),
    Hook::new("sk_lookup", BPF_PROG_TYPE_SK_LOOKUP).attach(BPF_SK_LOOKUP),
    Hook::new("sk_msg", BPF_PROG_TYPE_SK_MSG).attach(BPF_SK_MSG_VERDICT),
    Hook::new("sk_reuseport", BPF_PROG_TYPE_SK_REUSEPORT).attach(BPF_SK_REUSEPORT_SELECT),
    Hook::new("sk_reuseport/migrate", BPF_PROG_TYPE_SK_REUSEPORT).attach(BPF_SK_REUSEPORT_SELECT_OR_MIGRATE),
    Hook::new("sk_skb", BPF_PROG_TYPE_SK_SKB),
    Hook::new("sk_skb/stream_parser", BPF_PROG_TYPE_SK_SKB).attach(BPF_SK_SKB_STREAM_PARSER),
    Hook::new("sk_skb/stream_verdict", BPF_PROG_TYPE_SK_SKB).attach(BPF_SK_SKB_STREAM_VERDICT),
    Hook::new("sk_skb/verdict", BPF_PROG_TYPE_SK_SKB).attach(BPF_SK_SKB_VERDICT),
    Hook::new("socket", BPF_PROG_TYPE_SOCKET_FILTER),
    Hook::new("sockops", BPF_PROG_TYPE_SOCK_OPS).attach(BPF_CGROUP_SOCK_OPS),
    Hook::new("struct_ops", BPF_PROG_TYPE_STRUCT_OPS).target(STRUCT_OPS),
    Hook::new("struct_ops.s", BPF_PROG_TYPE_STRUCT_OPS).flags(BPF_F_SLEEPABLE).target(STRUCT_OPS),
    Hook::new("syscall", BPF_PROG_TYPE_SYSCALL).flags(BPF_F_SLEEPABLE),
    Hook::new("tc", BPF_PROG_TYPE_SCHED_CLS),
    Hook::new("tc/egress", BPF_PROG_TYPE_SCHED_CLS).attach(BPF_TCX_EGRESS),
    Hook::new("tc/ingress", BPF_PROG_TYPE_SCHED_CLS).attach(BPF_TCX_INGRESS),
    Hook::new("tcx/egress", BPF_PROG_TYPE_SCHED_CLS).attach(BPF_TCX_EGRESS),
    Hook::new("tcx/ingress", BPF_PROG_TYPE_SCHED_CLS).attach(BPF_TCX_INGRESS),
    Hook::new("tp", BPF_PROG_TYPE_TRACEPOINT),
    Hook::new("tp_btf", BPF_PROG_TYPE_TRACING).attach(BPF_TRACE_RAW_TP).target(TRACEPOINT),
    Hook::new("tracepoint", BPF_PROG_TYPE_TRACEPOINT),
    Hook::new("uprobe", BPF_PROG_TYPE_KPROBE),
    Hook::new("uprobe.multi", BPF_PROG_TYPE_KPROBE).attach(BPF_TRACE_UPROBE_MULTI),
    Hook::new("uprobe.multi.s", BPF_PROG_TYPE_KPROBE).attach(BPF_TRACE_UPROBE_MULTI).flags(BPF_F_SLEEPABLE),
    Hook::new("uprobe.s", BPF_PROG_TYPE_KPROBE).flags(BPF_F_SLEEPABLE),
    Hook::new("uprobe.session", BPF_PROG_TYPE_KPROBE).attach_number(BPF_TRACE_UPROBE_SESSION),
    Hook::new("uprobe.session.s", BPF_PROG_TYPE_KPROBE).attach_number(BPF_TRACE_UPROBE_SESSION).flags(BPF_F_SLEEPABLE),
    Hook::new("uretprobe", BPF_PROG_TYPE_KPROBE),
    Hook::new("uretprobe.multi", BPF_PROG_TYPE_KPROBE).attach(BPF_TRACE_UPROBE_MULTI),
    Hook::new("uretprobe.multi.s", BPF_PROG_TYPE_KPROBE).attach(BPF_TRACE_UPROBE_MULTI).flags(BPF_F_SLEEPABLE),
    Hook::new("uretprobe.s", BPF_PROG_TYPE_KPROBE).flags(BPF_F_SLEEPABLE),
    Hook::new("usdt", BPF_PROG_TYPE_KPROBE),
    Hook::new("xdp", BPF_PROG_TYPE_XDP).attach(BPF_XDP),
    Hook::new("xdp/cpumap", BPF_PROG_TYPE_XDP).attach(BPF_XDP_CPUMAP),
    Hook::new("xdp/devmap", BPF_PROG_TYPE_XDP).attach(BPF_XDP_DEVMAP),
    Hook::new("xdp.frags", BPF_PROG_TYPE_XDP).attach(BPF_XDP).flags(BPF_F_XDP_HAS_FRAGS),
    Hook::new("xdp.frags/cpumap", BPF_PROG_TYPE_XDP).attach(BPF_XDP_CPUMAP).flags(BPF_F_XDP_HAS_FRAGS),
    Hook::new("xdp.frags/devmap", BPF_PROG_TYPE_XDP).attach(BPF_XDP_DEVMAP).flags(BPF_F_XDP_HAS_FRAGS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_that_fits_wins() {
        let hook = |section| Hook::of_section(section).map(|hook| hook.section);
        assert_eq!(hook("xdp"), Some("xdp"));
        assert_eq!(hook("xdp/devmap"), Some("xdp/devmap"));
        assert_eq!(hook("xdp/my_program"), Some("xdp"));
        assert_eq!(hook("cgroup/sock_release"), Some("cgroup/sock_release"));
        assert_eq!(hook("fentry.s/do_unlinkat"), Some("fentry.s"));
        assert_eq!(hook("tcp"), None);
        assert_eq!(hook(".text"), None);
    }

    #[test]
    fn target_is_what_follows_the_hook() {
        let target = |section| Hook::of_section(section).map(|hook| hook.target_name(section));
        assert_eq!(target("tp_btf/contention_begin"), Some("contention_begin"));
        assert_eq!(target("fentry"), Some(""));
        assert_eq!(
            target("tracepoint/sched/sched_switch"),
            Some("sched/sched_switch")
        );
    }

    #[test]
    fn every_row_finds_itself() {
        for hook in HOOKS {
            assert_eq!(
                Hook::of_section(hook.section).map(|found| found.section),
                Some(hook.section)
            );
        }
    }

    #[test]
    fn types_have_short_names() {
        assert_eq!(
            Hook::of_section("tp_btf/x").map(Hook::type_name).as_deref(),
            Some("tracing")
        );
    }
}
