//! Programs: their types in Aya, by the names of their sections.

/// How programs of a type are loaded and attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    /// Aya's type, in `aya::programs`.
    pub(super) aya: &'static str,
    /// What loading takes.
    pub(super) load: Call,
    /// What attaching takes; `None` for programs that another one starts, through a map.
    pub(super) attach: Option<Attach>,
}

/// A call of Aya's `load` or `attach`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// Type parameters, such as `<T: AsFd>`.
    pub(super) generics: &'static str,
    /// The parameters, which the caller gives, each with its type.
    pub(super) parameters: Vec<(&'static str, &'static str)>,
    /// The arguments of Aya's method.
    pub(super) arguments: String,
    /// Whether the arguments contain the kernel's types, `btf`.
    pub(super) btf: bool,
}

/// How a program is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attach {
    pub(super) call: Call,
    /// What the result is.
    pub(super) link: &'static str,
}

const FD: &str = "<T: ::std::os::fd::AsFd>";
const CGROUP: (&str, &str) = ("cgroup", "T");
const MODE: (&str, &str) = ("mode", "::aya::programs::CgroupAttachMode");
const FUNCTION: (&str, &str) = ("function", STR);
const STR: &str = "&::core::primitive::str";

impl Call {
    /// A call whose arguments are its parameters.
    fn of(generics: &'static str, parameters: &[(&'static str, &'static str)]) -> Self {
        let names: Vec<_> = parameters.iter().map(|(name, _)| *name).collect();
        Self {
            generics,
            parameters: parameters.to_vec(),
            arguments: names.join(", "),
            btf: false,
        }
    }

    /// A call with arguments that the section names.
    fn given(arguments: String) -> Self {
        Self {
            arguments,
            ..Self::default()
        }
    }
}

impl Kind {
    fn new(aya: &'static str, link: &'static str, call: Call) -> Self {
        Self {
            aya,
            load: Call::default(),
            attach: Some(Attach { call, link }),
        }
    }

    /// A program that is loaded for one hook of the kernel, which `name` is an argument for where
    /// the section does not name it.
    fn hooked(
        aya: &'static str,
        link: &'static str,
        name: &'static str,
        hook: Option<&str>,
        call: Call,
    ) -> Self {
        let load = match hook {
            Some(hook) => Call::given(format!("{hook:?}, btf")),
            None => Call {
                arguments: format!("{name}, btf"),
                ..Call::of("", &[(name, STR)])
            },
        };
        Self {
            load: Call { btf: true, ..load },
            ..Self::new(aya, link, call)
        }
    }

    /// A program of a control group.
    fn cgroup(aya: &'static str, link: &'static str) -> Self {
        Self::new(aya, link, Call::of(FD, &[CGROUP, MODE]))
    }

    /// Whether it can be loaded without arguments.
    pub(super) fn loads_itself(&self) -> bool {
        self.load.parameters.is_empty()
    }
}

/// The type of the programs in a section; `None` for one that Aya 0.14 does not know.
pub(super) fn kind(section: &str) -> Option<Kind> {
    let (prefix, rest) = match section.split_once('/') {
        Some((prefix, rest)) => (prefix, Some(rest).filter(|rest| !rest.is_empty())),
        None => (section, None),
    };
    tracing(prefix, rest)
        .or_else(|| probe(prefix, rest))
        .or_else(|| packet(prefix, rest))
        .or_else(|| socket(prefix, rest))
        .or_else(|| in_cgroup(prefix, rest))
        .or_else(|| other(prefix))
}

/// Programs that are loaded for a function, tracepoint or hook of the kernel.
fn tracing(prefix: &str, hook: Option<&str>) -> Option<Kind> {
    let hooked = |aya, link, name| Kind::hooked(aya, link, name, hook, Call::default());
    Some(match prefix {
        "fentry" | "fentry.s" => hooked("FEntry", "fentry::FEntryLinkId", "function"),
        "fexit" | "fexit.s" => hooked("FExit", "fexit::FExitLinkId", "function"),
        "iter" | "iter.s" => hooked("Iter", "iter::IterLinkId", "kind"),
        "lsm" | "lsm.s" => hooked("Lsm", "lsm::LsmLinkId", "hook"),
        "lsm_cgroup" => {
            let call = Call::of(FD, &[CGROUP]);
            Kind::hooked("LsmCgroup", "lsm_cgroup::LsmLinkId", "hook", hook, call)
        }
        "tp_btf" => hooked("BtfTracePoint", "tp_btf::BtfTracePointLinkId", "tracepoint"),
        _ => return None,
    })
}

fn probe(prefix: &str, rest: Option<&str>) -> Option<Kind> {
    let (aya, link, call) = match prefix {
        "kprobe" | "kretprobe" => ("KProbe", "kprobe::KProbeLinkId", kernel_probe(rest)),
        "uprobe" | "uprobe.s" | "uretprobe" | "uretprobe.s" => {
            ("UProbe", "uprobe::UProbeLinkId", user_probe(rest))
        }
        "raw_tp" | "raw_tracepoint" => {
            let call = match rest {
                Some(tracepoint) => Call::given(format!("{tracepoint:?}")),
                None => Call::of("", &[("tracepoint", STR)]),
            };
            (
                "RawTracePoint",
                "raw_trace_point::RawTracePointLinkId",
                call,
            )
        }
        "tp" | "tracepoint" => {
            let call = match rest.and_then(|rest| rest.split_once('/')) {
                Some((category, name)) => Call::given(format!("{category:?}, {name:?}")),
                None => Call::of("", &[("category", STR), ("name", STR)]),
            };
            ("TracePoint", "trace_point::TracePointLinkId", call)
        }
        _ => return None,
    };
    Some(Kind::new(aya, link, call))
}

/// `function`, or `function+offset`.
fn kernel_probe(rest: Option<&str>) -> Call {
    let Some(rest) = rest else {
        return Call::of("", &[FUNCTION, ("offset", "::core::primitive::u64")]);
    };
    let with_offset = rest
        .split_once('+')
        .and_then(|(function, offset)| Some((function, offset.parse::<u64>().ok()?)));
    let (function, offset) = with_offset.unwrap_or((rest, 0));
    Call::given(format!("{function:?}, {offset}"))
}

/// `path:function`; Aya's macro leaves out the first slash of a path.
fn user_probe(rest: Option<&str>) -> Call {
    let scope = ("scope", "::aya::programs::uprobe::UProbeScope");
    let named = rest
        .and_then(|rest| rest.rsplit_once(':'))
        .filter(|(path, function)| !path.is_empty() && !function.contains('+'));
    if let Some((path, function)) = named {
        let path = match path.contains('/') && !path.starts_with('/') {
            true => format!("/{path}"),
            false => path.to_owned(),
        };
        return Call {
            arguments: format!("{function:?}, {path:?}, scope"),
            ..Call::of("", &[scope])
        };
    }
    Call::of(
        "<'p, P: ::core::convert::Into<::aya::programs::uprobe::UProbeAttachPoint<'p>>, \
         T: ::core::convert::AsRef<::std::path::Path>>",
        &[("point", "P"), ("target", "T"), scope],
    )
}

/// Programs of network devices.
fn packet(prefix: &str, rest: Option<&str>) -> Option<Kind> {
    let interface = ("interface", STR);
    Some(match prefix {
        "classifier" => Kind::new(
            "SchedClassifier",
            "tc::SchedClassifierLinkId",
            Call::of(
                "",
                &[interface, ("attach_type", "::aya::programs::TcAttachType")],
            ),
        ),
        "xdp" | "xdp.frags" => {
            let call = Call::of("", &[interface, ("mode", "::aya::programs::XdpMode")]);
            let kind = Kind::new("Xdp", "xdp::XdpLinkId", call);
            match rest {
                None => kind,
                // Entries of a devmap or cpumap.
                Some(_) => Kind {
                    attach: None,
                    ..kind
                },
            }
        }
        _ => return None,
    })
}

/// Programs of sockets, and of the network namespaces that they are in.
fn socket(prefix: &str, rest: Option<&str>) -> Option<Kind> {
    let map = || Call::of("", &[("map", "&::aya::maps::sock::SockMapFd")]);
    let of_socket = || Call::of(FD, &[("socket", "T")]);
    let namespace = || Call::of(FD, &[("netns", "T")]);
    let (aya, link, call) = match (prefix, rest) {
        ("flow_dissector", _) => (
            "FlowDissector",
            "flow_dissector::FlowDissectorLinkId",
            namespace(),
        ),
        ("sk_lookup", _) => ("SkLookup", "sk_lookup::SkLookupLinkId", namespace()),
        ("sk_msg", _) => ("SkMsg", "sk_msg::SkMsgLinkId", map()),
        ("sk_reuseport", _) => ("SkReuseport", "()", of_socket()),
        ("sk_skb", Some("stream_parser" | "stream_verdict")) => {
            ("SkSkb", "sk_skb::SkSkbLinkId", map())
        }
        ("socket", _) => ("SocketFilter", "()", of_socket()),
        _ => return None,
    };
    Some(Kind::new(aya, link, call))
}

/// Programs of control groups.
fn in_cgroup(prefix: &str, rest: Option<&str>) -> Option<Kind> {
    let packets = |attach_type: &str| {
        Kind::new(
            "CgroupSkb",
            "cgroup_skb::CgroupSkbLinkId",
            Call {
                arguments: format!(
                    "cgroup, ::aya::programs::CgroupSkbAttachType::{attach_type}, mode"
                ),
                ..Call::of(FD, &[CGROUP, MODE])
            },
        )
    };
    Some(match (prefix, rest.unwrap_or_default()) {
        ("sockops", _) => Kind::cgroup("SockOps", "sock_ops::SockOpsLinkId"),
        ("cgroup_skb", "ingress") => packets("Ingress"),
        ("cgroup_skb", "egress") => packets("Egress"),
        ("cgroup", "skb") => {
            let attach_type = ("attach_type", "::aya::programs::CgroupSkbAttachType");
            let call = Call::of(FD, &[CGROUP, attach_type, MODE]);
            Kind::new("CgroupSkb", "cgroup_skb::CgroupSkbLinkId", call)
        }
        ("cgroup", "dev") => Kind::cgroup("CgroupDevice", "cgroup_device::CgroupDeviceLinkId"),
        ("cgroup", "sysctl") => Kind::cgroup("CgroupSysctl", "cgroup_sysctl::CgroupSysctlLinkId"),
        ("cgroup", "getsockopt" | "setsockopt") => {
            Kind::cgroup("CgroupSockopt", "cgroup_sockopt::CgroupSockoptLinkId")
        }
        ("cgroup", "sock" | "post_bind4" | "post_bind6" | "sock_create" | "sock_release") => {
            Kind::cgroup("CgroupSock", "cgroup_sock::CgroupSockLinkId")
        }
        ("cgroup", hook) if is_address_hook(hook) => {
            Kind::cgroup("CgroupSockAddr", "cgroup_sock_addr::CgroupSockAddrLinkId")
        }
        _ => return None,
    })
}

fn is_address_hook(hook: &str) -> bool {
    let call = hook.strip_suffix(['4', '6']).unwrap_or_default();
    [
        "bind",
        "connect",
        "getpeername",
        "getsockname",
        "recvmsg",
        "sendmsg",
    ]
    .contains(&call)
}

fn other(prefix: &str) -> Option<Kind> {
    Some(match prefix {
        "freplace" => Kind {
            load: Call::of("", &[("target", "::aya::programs::ProgramFd"), FUNCTION]),
            ..Kind::new("Extension", "extension::ExtensionLinkId", Call::default())
        },
        "lirc_mode2" => Kind::new(
            "LircMode2",
            "lirc_mode2::LircLinkId",
            Call::of(FD, &[("device", "T")]),
        ),
        "perf_event" => Kind::new(
            "PerfEvent",
            "perf_event::PerfEventLinkId",
            Call::of(
                "",
                &[
                    ("config", "::aya::programs::perf_event::PerfEventConfig"),
                    ("scope", "::aya::programs::perf_event::PerfEventScope"),
                    ("sample_policy", "::aya::programs::perf_event::SamplePolicy"),
                    ("inherit", "::core::primitive::bool"),
                ],
            ),
        ),
        _ => return None,
    })
}
