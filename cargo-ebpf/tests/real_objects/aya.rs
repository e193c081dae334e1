//! A project with every kind of program that aya-ebpf has a macro for, written from a
//! table: one object a macro, one program for each way to use it.

use std::fmt::Write as _;

/// A macro of aya-ebpf and the ways to use it.
#[derive(Debug)]
pub(crate) struct Macro {
    /// Its name; the object is called like it.
    pub(crate) name: &'static str,
    /// The type of its programs' argument, in `aya_ebpf::programs`.
    context: &'static str,
    /// What its programs return: a type and a value of it.
    returns: (&'static str, &'static str),
    /// Arguments in parentheses, and the name of the program with them.
    pub(crate) uses: &'static [Use],
}

/// Arguments of a macro, and what the program is called that has them.
pub(crate) type Use = (&'static str, &'static str);

/// By macro, in the order of aya-ebpf's documentation.
#[rustfmt::skip]
pub(crate) const MACROS: &[Macro] = &[
    Macro { name: "btf_tracepoint", context: "BtfTracePointContext", returns: ("i32", "0"), uses: &[
        ("(function = \"sched_switch\")", "sched_switch"),
    ] },
    Macro { name: "cgroup_device", context: "DeviceContext", returns: ("i32", "1"), uses: &[("", "device")] },
    Macro { name: "cgroup_skb", context: "SkBuffContext", returns: ("i32", "1"), uses: &[
        ("", "skb"), ("(ingress)", "skb_ingress"), ("(egress)", "skb_egress"),
    ] },
    Macro { name: "cgroup_sock", context: "SockContext", returns: ("i32", "1"), uses: &[
        ("(post_bind4)", "post_bind4"), ("(post_bind6)", "post_bind6"),
        ("(sock_create)", "sock_create"), ("(sock_release)", "sock_release"),
    ] },
    Macro { name: "cgroup_sock_addr", context: "SockAddrContext", returns: ("i32", "1"), uses: &[
        ("(bind4)", "bind4"), ("(bind6)", "bind6"),
        ("(connect4)", "connect4"), ("(connect6)", "connect6"),
        ("(getpeername4)", "getpeername4"), ("(getpeername6)", "getpeername6"),
        ("(getsockname4)", "getsockname4"), ("(getsockname6)", "getsockname6"),
        ("(recvmsg4)", "recvmsg4"), ("(recvmsg6)", "recvmsg6"),
        ("(sendmsg4)", "sendmsg4"), ("(sendmsg6)", "sendmsg6"),
    ] },
    Macro { name: "cgroup_sockopt", context: "SockoptContext", returns: ("i32", "1"), uses: &[
        ("(getsockopt)", "get_option"), ("(setsockopt)", "set_option"),
    ] },
    Macro { name: "cgroup_sysctl", context: "SysctlContext", returns: ("i32", "1"), uses: &[("", "sysctl")] },
    Macro { name: "classifier", context: "TcContext", returns: ("i32", "0"), uses: &[("", "classify")] },
    Macro { name: "fentry", context: "FEntryContext", returns: ("u32", "0"), uses: &[
        ("(function = \"vfs_read\")", "enter"), ("(function = \"__x64_sys_nanosleep\", sleepable)", "enter_sleepable"),
    ] },
    Macro { name: "fexit", context: "FExitContext", returns: ("u32", "0"), uses: &[
        ("(function = \"vfs_read\")", "leave"), ("(function = \"__x64_sys_nanosleep\", sleepable)", "leave_sleepable"),
    ] },
    Macro { name: "flow_dissector", context: "FlowDissectorContext", returns: ("u32", "0"), uses: &[("", "dissect")] },
    Macro { name: "kprobe", context: "ProbeContext", returns: ("u32", "0"), uses: &[
        ("", "probe"), ("(function = \"vfs_read\")", "probe_read"), ("(function = \"vfs_read\", offset = \"4\")", "probe_inside"),
    ] },
    Macro { name: "kretprobe", context: "RetProbeContext", returns: ("u32", "0"), uses: &[
        ("", "probe_return"), ("(function = \"vfs_read\")", "probe_read_return"),
    ] },
    Macro { name: "lsm", context: "LsmContext", returns: ("i32", "0"), uses: &[
        ("(hook = \"file_open\")", "file_open"), ("(hook = \"file_open\", sleepable)", "file_open_sleepable"),
    ] },
    Macro { name: "lsm_cgroup", context: "LsmContext", returns: ("i32", "1"), uses: &[
        ("(hook = \"socket_bind\")", "socket_bind"),
    ] },
    Macro { name: "perf_event", context: "PerfEventContext", returns: ("u32", "0"), uses: &[("", "sample")] },
    Macro { name: "raw_tracepoint", context: "RawTracePointContext", returns: ("u32", "0"), uses: &[
        ("(tracepoint = \"sys_enter\")", "sys_enter"),
    ] },
    Macro { name: "sk_lookup", context: "SkLookupContext", returns: ("u32", "1"), uses: &[("", "look_up")] },
    Macro { name: "sk_msg", context: "SkMsgContext", returns: ("u32", "1"), uses: &[("", "message")] },
    Macro { name: "sk_reuseport", context: "SkReuseportContext", returns: ("u32", "1"), uses: &[
        ("", "choose"), ("(migrate)", "choose_or_migrate"),
    ] },
    Macro { name: "sock_ops", context: "SockOpsContext", returns: ("u32", "0"), uses: &[("", "operation")] },
    Macro { name: "socket_filter", context: "SkBuffContext", returns: ("i64", "0"), uses: &[("", "filter")] },
    Macro { name: "stream_parser", context: "SkBuffContext", returns: ("u32", "0"), uses: &[("", "parse")] },
    Macro { name: "stream_verdict", context: "SkBuffContext", returns: ("u32", "1"), uses: &[("", "judge")] },
    Macro { name: "tracepoint", context: "TracePointContext", returns: ("u32", "0"), uses: &[
        ("(category = \"sched\", name = \"sched_switch\")", "switch"),
    ] },
    Macro { name: "uprobe", context: "ProbeContext", returns: ("u32", "0"), uses: &[
        ("", "user"), ("(path = \"/bin/sh\", function = \"main\")", "user_main"),
        ("(sleepable)", "user_sleepable"), ("(multi)", "user_multi"), ("(multi, sleepable)", "user_multi_sleepable"),
    ] },
    Macro { name: "uretprobe", context: "RetProbeContext", returns: ("u32", "0"), uses: &[
        ("", "user_return"), ("(sleepable)", "user_return_sleepable"), ("(multi)", "user_return_multi"),
    ] },
    Macro { name: "xdp", context: "XdpContext", returns: ("u32", "2"), uses: &[
        ("", "packet"), ("(frags)", "packet_frags"),
        ("(map = \"cpumap\")", "packet_cpumap"), ("(map = \"devmap\")", "packet_devmap"),
        ("(frags, map = \"cpumap\")", "packet_frags_cpumap"), ("(frags, map = \"devmap\")", "packet_frags_devmap"),
    ] },
];

/// The source of the object with a macro's programs.
pub(crate) fn source(this: &Macro) -> String {
    let Macro {
        name,
        context,
        returns: (returns, value),
        uses,
    } = this;
    let mut text = format!(
        "#![no_std]\n#![no_main]\n\nuse aya_ebpf::{{macros::{name}, programs::{context}}};\n"
    );
    for (arguments, program) in *uses {
        // Writing into a string does not fail.
        let _ = write!(
            text,
            "\n#[{name}{arguments}]\npub fn {program}(_context: {context}) -> {returns} {{\n    {value}\n}}\n"
        );
    }
    text.push_str(
        "\n#[unsafe(link_section = \"license\")]\n#[unsafe(no_mangle)]\nstatic LICENSE: [u8; 4] = *b\"GPL\\0\";\n\n\
         #[panic_handler]\nfn panic(_info: &core::panic::PanicInfo) -> ! {\n    loop {}\n}\n",
    );
    text
}

/// The crate's manifest.
pub(crate) fn manifest() -> String {
    let mut text = "[package]\nname = \"every-type\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                    [dependencies]\naya-ebpf = \"=0.2.1\"\n\n[package.metadata.ebpf]\n\n[profile.release]\nlto = true\n\n[workspace]\n"
        .to_owned();
    for Macro { name, .. } in MACROS {
        let _ = write!(
            text,
            "\n[[bin]]\nname = \"{name}\"\npath = \"src/{name}.rs\"\ntest = false\nbench = false\n"
        );
    }
    text
}
