//! What a program needs by the kind of program that it is, and by where it attaches.

use aya_obj::generated::bpf_attach_type::{self, *};

use super::{
    Kind, Stage,
    table::{self, Entry},
};
use crate::{Hook, Target};

/// Something that a hook needs.
#[derive(Debug)]
pub(super) struct Need {
    pub kind: Kind,
    pub name: String,
    pub entry: Option<Entry>,
    pub stage: Stage,
    /// Whether programs do without it on older kernels.
    pub softened: bool,
}

impl Need {
    fn new(kind: Kind, name: impl Into<String>, entry: Option<&Entry>, stage: Stage) -> Self {
        Self {
            kind,
            name: name.into(),
            entry: entry.copied(),
            stage,
            softened: false,
        }
    }

    fn feature(name: &'static str) -> Self {
        let entry = table::FEATURES.get(name);
        let words = entry.map_or(name, Entry::words);
        Self::new(Kind::Feature, words, entry, Stage::Load)
    }
}

/// All that `hook` needs.
pub(super) fn needs(hook: &Hook) -> Vec<Need> {
    let program_type = hook.program_type.to_string();
    let mut needs = vec![Need::new(
        Kind::ProgramType,
        program_type.as_str(),
        table::PROGRAM_TYPES.get(hook.program_type.number()),
        Stage::Load,
    )];
    needs.extend(attach_type(hook, &program_type));
    needs.extend(sleepable(hook, &program_type).map(Need::feature));
    if hook.flags & aya_obj::generated::BPF_F_XDP_HAS_FRAGS != 0 {
        needs.push(Need::feature("xdp-frags"));
    }
    needs.extend(target(hook));
    needs
}

/// Attach types that change nothing where a kernel does not have them: it attaches such
/// programs in the older way.
const OPTIONAL: [bpf_attach_type; 2] = [BPF_XDP, BPF_SK_REUSEPORT_SELECT];

/// Program types whose attach type the kernel looks at when it loads one
/// (`bpf_prog_load_check_attach` and `bpf_check_attach_target`).
const CHECKED_AT_LOAD: [&str; 8] = [
    "cgroup_skb",
    "cgroup_sock",
    "cgroup_sock_addr",
    "cgroup_sockopt",
    "lsm",
    "netfilter",
    "sk_lookup",
    "tracing",
];

fn attach_type(hook: &Hook, program_type: &str) -> Option<Need> {
    // 0 is BPF_CGROUP_INET_INGRESS, which is as old as what it is for.
    let number = hook.expected_attach_type;
    if number == 0 {
        return None;
    }
    let entry = table::ATTACH_TYPES.get(number);
    let name = entry.map_or_else(|| number.to_string(), |entry| entry.name.to_owned());
    let stage = if CHECKED_AT_LOAD.contains(&program_type) {
        Stage::Load
    } else {
        Stage::Attach
    };
    let mut need = Need::new(Kind::AttachType, name, entry, stage);
    // `tc/ingress` may be attached as a classifier too; `tcx/ingress` asks for tcx.
    let classifier = hook.place.ends_with("(tc)");
    need.softened = classifier || OPTIONAL.iter().any(|optional| *optional as u32 == number);
    Some(need)
}

fn sleepable(hook: &Hook, program_type: &str) -> Option<&'static str> {
    hook.sleepable.then_some(())?;
    Some(match (program_type, hook.target) {
        ("kprobe", _) => "sleepable-uprobe",
        ("struct_ops", _) => "sleepable-struct-ops",
        (_, Target::Iterator) => "sleepable-iterator",
        // It cannot be anything else.
        ("syscall", _) => return None,
        _ => "sleepable",
    })
}

fn target(hook: &Hook) -> Option<Need> {
    let name = hook.target_name.as_ref()?.as_str();
    let named = |kind, table: &table::Named, stage| {
        // A tracepoint's category is not part of its name.
        let bare = name.rsplit_once(':').map_or(name, |(_, bare)| bare);
        Some(Need::new(kind, bare, table.get(bare), stage))
    };
    match (hook.target, hook.program_type.to_string().as_str()) {
        (Target::BtfTracepoint, _) => named(Kind::Tracepoint, &table::TRACEPOINTS, Stage::Load),
        (Target::Tracepoint, _) => match system_call(name) {
            Some(call) => Some(Need::new(
                Kind::SystemCall,
                call,
                table::SYSCALLS.get(call),
                Stage::Attach,
            )),
            None => named(Kind::Tracepoint, &table::TRACEPOINTS, Stage::Attach),
        },
        (Target::Named, "raw_tracepoint" | "raw_tracepoint_writable") => {
            named(Kind::Tracepoint, &table::TRACEPOINTS, Stage::Attach)
        }
        (Target::LsmHook, _) => named(Kind::LsmHook, &table::LSM_HOOKS, Stage::Load),
        (Target::Iterator, _) => named(Kind::Iterator, &table::ITERATORS, Stage::Load),
        (Target::Function, _) => Some(Need::new(Kind::Function, name, None, Stage::Load)),
        // Of probes: user functions, patterns and offsets are no names of the kernel's.
        (Target::Named, _) if is_kernel_function(hook, name) => {
            Some(Need::new(Kind::Function, name, None, Stage::Attach))
        }
        _ => None,
    }
}

/// The system call of `syscalls:sys_enter_openat`.
fn system_call(tracepoint: &str) -> Option<&str> {
    let name = tracepoint.strip_prefix("syscalls:")?;
    name.strip_prefix("sys_enter_")
        .or_else(|| name.strip_prefix("sys_exit_"))
}

fn is_kernel_function(hook: &Hook, name: &str) -> bool {
    hook.place.ends_with("kernel function")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs_of(section: &str) -> Vec<(String, Option<String>, Stage, bool)> {
        needs(&Hook::of(section).unwrap())
            .into_iter()
            .map(|need| {
                let since = need.entry.and_then(|entry| entry.since);
                (
                    need.name,
                    since.map(|since| since.to_string()),
                    need.stage,
                    need.softened,
                )
            })
            .collect()
    }

    fn need(
        name: &str,
        since: &str,
        stage: Stage,
        softened: bool,
    ) -> (String, Option<String>, Stage, bool) {
        (name.to_owned(), Some(since.to_owned()), stage, softened)
    }

    #[test]
    fn what_the_kernel_checks_when() {
        use Stage::{Attach, Load};
        assert_eq!(
            needs_of("tp_btf/contention_begin"),
            [
                need("tracing", "5.5", Load, false),
                need("trace_raw_tp", "5.5", Load, false),
                need("contention_begin", "5.19", Load, false)
            ]
        );
        assert_eq!(
            needs_of("tracepoint/lock/contention_begin")[1],
            need("contention_begin", "5.19", Attach, false)
        );
        assert_eq!(
            needs_of("tracepoint/syscalls/sys_enter_openat2")[1],
            need("openat2", "5.6", Attach, false)
        );
        assert_eq!(needs_of("xdp")[1], need("xdp", "5.9", Attach, true));
        assert_eq!(
            needs_of("kprobe.multi/tcp_*"),
            [
                need("kprobe", "4.1", Load, false),
                need("trace_kprobe_multi", "5.18", Attach, false)
            ]
        );
        assert!(needs_of("tc/ingress")[1].3);
        assert!(!needs_of("tcx/ingress")[1].3);
        assert_eq!(needs_of("iter.s/task")[2].1.as_deref(), Some("5.18"));
    }

    #[test]
    fn what_no_table_has_is_unknown() {
        assert_eq!(needs_of("tp_btf/no_such_event")[2].1, None);
        assert_eq!(
            needs_of("fentry/vfs_read")[2],
            ("vfs_read".to_owned(), None, Stage::Load, false)
        );
        // A user function says nothing about the kernel.
        assert_eq!(needs_of("uprobe//bin/sh:main").len(), 1);
    }
}
