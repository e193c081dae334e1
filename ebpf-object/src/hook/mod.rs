//! What the name of a program's section says: the type of the program, where it
//! attaches, and how the kernel is asked to load it.

mod prefix;

use std::fmt;

use aya_obj::generated::{BPF_F_SLEEPABLE, bpf_prog_type};
use serde::{Serialize, Serializer};

use self::prefix::Prefix;
use super::Name;

/// Where a program attaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Hook {
    /// The type that bpf(2) is asked for.
    #[serde(rename = "type")]
    pub program_type: ProgramType,
    /// The kind of place, in plain words.
    pub place: &'static str,
    /// Which one of its kind. None where the kind has only one, or the loader chooses.
    #[serde(rename = "target")]
    pub target_name: Option<Name>,
    /// What the section name begins with, without marks and target: `kprobe.multi`.
    #[serde(skip)]
    pub prefix: &'static str,
    /// Whether the program may sleep.
    pub sleepable: bool,
    /// Whether libbpf loads it unasked: not if its section begins with `?`.
    pub autoload: bool,
    /// What the target is.
    #[serde(skip)]
    pub target: Target,
    /// `expected_attach_type` of BPF_PROG_LOAD; 0 where it does not matter.
    #[serde(skip)]
    pub expected_attach_type: u32,
    /// `prog_flags` of BPF_PROG_LOAD.
    #[serde(skip)]
    pub flags: u32,
}

/// What follows the prefix of a section name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// At most a label that means nothing.
    Label,
    /// What only attaching needs to know: the name of a function, a path with one, ...
    Named,
    /// A tracepoint, as `category/name`.
    Tracepoint,
    /// A tracepoint whose arguments the kernel's BTF describes.
    BtfTracepoint,
    /// A function of the kernel, hooked through a BPF trampoline.
    Function,
    /// A hook for security modules, which is called through a BPF trampoline.
    LsmHook,
    /// What the kernel can list the members of.
    Iterator,
    /// A function of a BPF program.
    OtherProgram,
    /// A member of the structure that a struct_ops map fills.
    StructOps,
}

impl Hook {
    /// Reads a section name. None if it follows no convention, so that neither libbpf
    /// nor Aya would know what to do with the program.
    pub fn of(section: &str) -> Option<Self> {
        let (section, autoload) = match section.strip_prefix('?') {
            Some(rest) => (rest, false),
            None => (section, true),
        };
        let (prefix, marked_sleepable, rest) = Prefix::of(section)?;
        let target_name = match prefix.target {
            Target::Label => String::new(),
            Target::Tracepoint => rest.replacen('/', ":", 1),
            _ => rest.to_owned(),
        };
        let flags = if marked_sleepable {
            prefix.flags | BPF_F_SLEEPABLE
        } else {
            prefix.flags
        };
        Some(Self {
            program_type: ProgramType(prefix.program_type),
            place: prefix.place,
            prefix: prefix.text,
            target_name: (!target_name.is_empty()).then(|| Name::from(target_name)),
            sleepable: flags & BPF_F_SLEEPABLE != 0,
            autoload,
            target: prefix.target,
            expected_attach_type: prefix.attach_type,
            flags,
        })
    }

    /// Where it attaches, in words: `BTF tracepoint contention_begin`.
    pub fn describe(&self) -> String {
        match (&self.target_name, self.target) {
            (Some(name), _) => format!("{} {name}", self.place),
            (None, Target::Label) => self.place.to_owned(),
            (None, _) => format!("{}, chosen by the loader", self.place),
        }
    }
}

/// A program type, shown as the kernel calls it in lower case: `tracing`, `xdp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramType(bpf_prog_type);

impl ProgramType {
    /// `prog_type` of BPF_PROG_LOAD.
    pub fn number(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Display for ProgramType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variants are called BPF_PROG_TYPE_<NAME>.
        let name = format!("{:?}", self.0).to_ascii_lowercase();
        f.pad(name.trim_start_matches("bpf_prog_type_"))
    }
}

impl Serialize for ProgramType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &str) -> (String, String) {
        let hook = Hook::of(section).unwrap_or_else(|| panic!("{section}"));
        (hook.program_type.to_string(), hook.describe())
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
    fn what_bpf_is_asked_for() {
        let asked = |section| {
            let hook = Hook::of(section)?;
            Some((
                hook.program_type.number(),
                hook.expected_attach_type,
                hook.flags,
            ))
        };
        // enum bpf_prog_type, enum bpf_attach_type, BPF_F_* of include/uapi/linux/bpf.h.
        assert_eq!(asked("tp_btf/contention_begin"), Some((26, 23, 0)));
        assert_eq!(asked("lsm.s/file_open"), Some((29, 27, 1 << 4)));
        assert_eq!(asked("uprobe.session/f"), Some((2, 57, 0)));
        assert_eq!(asked("xdp.frags/devmap"), Some((6, 33, 1 << 5)));
        assert_eq!(asked("syscall"), Some((31, 0, 1 << 4)));
        assert_eq!(asked("?tracepoint/sched/sched_switch"), Some((5, 0, 0)));
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
}
