//! The program types that a new project can have: those of aya-ebpf.

/// A program type, and its files in a new project.
#[derive(Debug)]
pub(crate) struct ProgramType {
    /// As the attribute of aya-ebpf is called, and the modules of a project.
    pub(crate) name: &'static str,
    /// What else it is called.
    pub(crate) aliases: &'static [&'static str],
    /// When its program runs.
    pub(crate) runs: &'static str,
    /// The first kernel that loads it.
    pub(crate) since: (u16, u16),
    /// The program.
    pub(super) ebpf: &'static str,
    /// The module of the loader.
    pub(super) loader: &'static str,
    pub(super) test: Test,
    /// Modules that the one of the loader uses.
    pub(super) helpers: &'static [Helper],
    /// A type without which it does not run.
    pub(super) with: Option<&'static str>,
}

/// How a program is tested.
#[derive(Debug)]
pub(super) enum Test {
    /// The kernel verifies it.
    Verify,
    /// The kernel runs it, by this file.
    Run(&'static str),
    /// The same, on a packet.
    RunOnPacket(&'static str),
}

/// A module of the loader that several program types use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Helper {
    pub(super) name: &'static str,
    pub(super) content: &'static str,
}

macro_rules! helper {
    ($name:ident) => {
        Helper {
            name: stringify!($name),
            content: include_str!(concat!(
                "../../template/loader/src/",
                stringify!($name),
                ".rs"
            )),
        }
    };
}

/// A file of a program type.
macro_rules! file {
    ($name:ident, $file:literal) => {
        include_str!(concat!(
            "../../template/programs/",
            stringify!($name),
            "/",
            $file,
            ".rs"
        ))
    };
}

/// The table. `run` and `packet` mark types with a test file of their own.
macro_rules! types {
    ($(
        $name:ident $(/ $alias:literal)*: $runs:literal, $major:literal . $minor:literal,
        $test:ident, [$($helper:ident),*] $(, with $with:literal)?;
    )*) => {
        /// All of them, in the order in which a loader attaches them.
        pub(crate) static PROGRAM_TYPES: &[ProgramType] = &[$(ProgramType {
            name: stringify!($name),
            aliases: &[$($alias),*],
            runs: $runs,
            since: ($major, $minor),
            ebpf: file!($name, "ebpf"),
            loader: file!($name, "loader"),
            test: types!(@test $test $name),
            helpers: &[$(helper!($helper)),*],
            with: types!(@with $($with)?),
        }),*];
    };
    (@test verify $name:ident) => { Test::Verify };
    (@test run $name:ident) => { Test::Run(file!($name, "test")) };
    (@test packet $name:ident) => { Test::RunOnPacket(file!($name, "test")) };
    (@with) => { None };
    (@with $with:literal) => { Some($with) };
}

// The versions are those of the kernel's first program of the type, or of its attach type.
types! {
    kprobe: "on entry to a kernel function", 4 . 1, verify, [];
    kretprobe: "on return from a kernel function", 4 . 1, verify, [];
    uprobe: "on entry to a function of a program or library", 4 . 1, verify, [];
    uretprobe: "on return from a function of a program or library", 4 . 1, verify, [];
    fentry: "on entry to a kernel function, with typed arguments (BTF)", 5 . 5, verify, [];
    fexit: "on return from a kernel function, with typed arguments (BTF)", 5 . 5, verify, [];
    tracepoint / "tp": "at a kernel tracepoint", 4 . 7, verify, [];
    raw_tracepoint / "raw_tp": "at a tracepoint, with its raw arguments", 4 . 17, run, [];
    btf_tracepoint / "tp_btf": "at a tracepoint, with typed arguments (BTF)", 5 . 5, verify, [];
    perf_event: "on each sample of a perf event", 4 . 9, verify, [];
    lsm: "at an LSM hook", 5 . 7, verify, [];
    lsm_cgroup: "at an LSM hook, for a cgroup", 6 . 0, verify, [cgroup];
    xdp: "for each received packet, before the network stack", 4 . 8, packet, [];
    classifier / "tc" / "sched_cls": "for each packet in traffic control (tc)", 4 . 1, packet, [];
    cgroup_skb: "for each packet to or from a process of a cgroup", 4 . 10, packet, [cgroup];
    cgroup_sock: "when a process of a cgroup creates or binds a socket", 4 . 10, verify, [cgroup];
    cgroup_sock_addr: "when a process of a cgroup connects a socket", 4 . 17, verify, [cgroup];
    cgroup_sockopt: "at getsockopt and setsockopt in a cgroup", 5 . 3, verify, [cgroup];
    cgroup_sysctl: "when a process of a cgroup reads or writes a sysctl", 5 . 2, verify, [cgroup];
    cgroup_device: "when a process of a cgroup opens or creates a device", 4 . 15, verify, [cgroup];
    sock_ops / "sockops": "at events of a cgroup's TCP connections, such as connects",
        4 . 13, verify, [cgroup];
    socket_filter: "for each packet that a socket receives", 3 . 19, packet, [traffic];
    sk_lookup: "when the kernel looks up a listening socket", 5 . 9, verify, [];
    sk_msg: "when a socket in a sockmap sends", 4 . 17, verify, [traffic];
    sk_reuseport: "to select one of the sockets that share a port", 4 . 19, verify, [shared_socket, traffic];
    stream_parser: "on data for a socket in a sockmap, to find message boundaries", 4 . 14, verify, [],
        with "stream_verdict";
    stream_verdict / "sk_skb": "on data for a socket in a sockmap, to pass or redirect it",
        4 . 14, verify, [traffic];
    flow_dissector: "to extract addresses and ports from a packet", 4 . 20, packet, [];
}

impl ProgramType {
    /// The one that is called `name`.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        PROGRAM_TYPES
            .iter()
            .find(|program| program.name == name || program.aliases.contains(&name))
    }

    /// The name that is probably meant by `text`.
    pub(crate) fn closest(text: &str) -> Option<&'static str> {
        // More than one wrong character only in a long name.
        let most = 1 + text.len() / 4;
        PROGRAM_TYPES
            .iter()
            .map(|program| (strsim::osa_distance(text, program.name), program.name))
            .filter(|(distance, _)| *distance <= most)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, name)| name)
    }

    /// These types, and those without which they do not run, each once, in the order of the
    /// table.
    pub(crate) fn all_for(types: &[&Self]) -> Vec<&'static Self> {
        let wanted = |name: &str| types.iter().any(|program| program.name == name);
        let needed = |name: &str| types.iter().any(|program| program.with == Some(name));
        PROGRAM_TYPES
            .iter()
            .filter(|program| wanted(program.name) || needed(program.name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs, path::Path};

    use super::*;

    #[test]
    fn names_are_unique() {
        let mut seen = HashSet::new();
        for program in PROGRAM_TYPES {
            for name in [program.name].iter().chain(program.aliases) {
                assert!(seen.insert(*name), "{name}");
                assert_eq!(ProgramType::named(name).unwrap().name, program.name);
            }
        }
    }

    #[test]
    fn what_is_meant_is_found() {
        for (text, name) in [
            ("xpd", Some("xdp")),
            ("kprob", Some("kprobe")),
            ("cgroup-sock-addr", Some("cgroup_sock_addr")),
            ("sk_lokup", Some("sk_lookup")),
            ("moon", None),
            ("", None),
        ] {
            assert_eq!(ProgramType::closest(text), name, "{text}");
        }
    }

    #[test]
    fn a_type_brings_what_it_does_not_run_without() {
        let types = ["stream_parser", "xdp", "xdp"].map(|name| ProgramType::named(name).unwrap());
        let all = ProgramType::all_for(&types);
        let names: Vec<_> = all.iter().map(|program| program.name).collect();
        assert_eq!(names, ["xdp", "stream_parser", "stream_verdict"]);
    }

    #[test]
    fn every_directory_of_the_template_is_in_the_table() {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("template/programs");
        let mut directories: Vec<_> = fs::read_dir(programs)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut names: Vec<_> = PROGRAM_TYPES.iter().map(|program| program.name).collect();
        directories.sort_unstable();
        names.sort_unstable();
        assert_eq!(directories, names);
    }
}
