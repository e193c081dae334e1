//! Objects with a program for each kernel function (kfunc), one for each kind of program.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
};

use test_support::Failed;

use crate::sandbox::{Declared, Program, Sandbox, object_of};

/// Names and prototypes.
const KFUNCS: &str = include_str!("../kernels/kfuncs.tsv");
/// What is tested: names of kfuncs that the same programs may call are in the same line.
const TABLE: &str = include_str!("../../../ebpf-object/data/kfunc-programs.tsv");

/// One for each set of programs that kernels tell apart. Programs for struct_ops are not here:
/// what they may call depends on the structure.
const APART: [&str; 14] = [
    "action",
    "cgroup_skb/ingress",
    "iter/task",
    "kprobe/vfs_read",
    "lsm/file_open",
    "perf_event",
    "raw_tp.w/sys_enter",
    "raw_tp/sys_enter",
    "socket",
    "sockops",
    "syscall",
    "tc",
    "tp_btf/sched_switch",
    "xdp",
];

/// The other kinds of programs.
const OTHERS: [&str; 24] = [
    "cgroup/connect4",
    "cgroup/dev",
    "cgroup/getsockopt",
    "cgroup/sock_create",
    "cgroup/sysctl",
    "fentry/vfs_read",
    "flow_dissector",
    "fmod_ret/security_file_open",
    "kprobe.session/vfs_read",
    "lsm.s/file_open",
    "lsm_cgroup/socket_bind",
    "lwt_in",
    "lwt_out",
    "lwt_seg6local",
    "lwt_xmit",
    "netfilter",
    "sk_lookup",
    "sk_msg",
    "sk_reuseport",
    "sk_skb/stream_verdict",
    "tcx/ingress",
    "tracepoint/sched/sched_switch",
    "uprobe.multi//bin/sh:main",
    "xdp/devmap",
];

/// Kfuncs that kernels have or lack by how they are configured
/// (`CONFIG_SYSTEM_DATA_VERIFICATION`).
const CONFIGURED: [&str; 1] = ["bpf_verify_pkcs7_signature"];

/// Which there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// All kfuncs in the programs that kernels tell apart.
    All,
    /// One kfunc of each line of the table in every kind of program.
    Few,
}

/// The fields of the lines of a table.
fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('\t'))
}

/// Writes the objects, and says where.
pub(crate) fn objects(sandbox: &Sandbox, choice: Choice) -> Result<Vec<PathBuf>, Failed> {
    let few: HashSet<_> = rows(TABLE)
        .filter_map(|(names, _)| names.split(',').next())
        .collect();
    let kfuncs: Vec<_> = rows(KFUNCS)
        .filter(|(name, _)| !CONFIGURED.contains(name))
        .filter(|(name, _)| choice == Choice::All || few.contains(name))
        .collect();
    let name = match choice {
        Choice::All => "kfuncs",
        Choice::Few => "few-kfuncs",
    };
    let btf = Types::declaring(&kfuncs)?;
    let others = OTHERS.iter().filter(|_| choice == Choice::Few);
    let mut paths = Vec::new();
    for (number, section) in APART.iter().chain(others).enumerate() {
        let programs: Vec<_> = kfuncs
            .iter()
            .map(|(name, _)| Program {
                name: format!("calls_{name}"),
                // call name; r0 = 0; exit
                code: vec![
                    [0x85, 0x10, 0, 0, 0xff, 0xff, 0xff, 0xff],
                    [0xb7, 0, 0, 0, 0, 0, 0, 0],
                    [0x95, 0, 0, 0, 0, 0, 0, 0],
                ],
            })
            .collect();
        let declared = Declared {
            btf: &btf,
            calls: kfuncs.iter().map(|(name, _)| *name).collect(),
        };
        let path = sandbox.path(&format!("{name}-{number}.o"));
        fs::write(&path, object_of(section, &programs, Some(&declared))?)?;
        paths.push(path);
    }
    Ok(paths)
}

/// BTF in the making.
#[derive(Default)]
struct Types {
    types: Vec<u8>,
    strings: Vec<u8>,
    last: u32,
    /// By prototype, or what is in one.
    made: HashMap<String, u32>,
}

/// `BTF_KIND_*`.
const INT: u32 = 1;
const PTR: u32 = 2;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const DATASEC: u32 = 15;

impl Types {
    /// BTF that declares functions of the kernel, as clang does for `__ksym`.
    fn declaring(kfuncs: &[(&str, &str)]) -> Result<Vec<u8>, Failed> {
        let mut types = Self {
            strings: vec![0],
            ..Self::default()
        };
        let mut section = Vec::new();
        for (name, prototype) in kfuncs {
            let (prototype, rest) = types.id(prototype)?;
            if !rest.is_empty() {
                return Err(format!("{name}: {rest}").into());
            }
            // `BTF_FUNC_EXTERN`.
            section.extend([types.add(name, FUNC, 2, prototype, &[]), 0, 0]);
        }
        types.add(".ksyms", DATASEC, kfuncs.len(), 0, &section);
        let [types_len, strings_len] = [types.types.len(), types.strings.len()];
        let mut btf = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types_len, types_len, strings_len] {
            btf.extend(u32::try_from(word)?.to_le_bytes());
        }
        Ok([btf, types.types, types.strings].concat())
    }

    /// The type that `text` begins with, and what is behind it.
    fn id<'text>(&mut self, text: &'text str) -> Result<(u32, &'text str), Failed> {
        let kind = text.get(..1).ok_or("the prototype ends early")?;
        let mut rest = &text[1..];
        let mut inner = Vec::new();
        match kind {
            "v" => return Ok((0, rest)),
            "*" => {
                let (id, behind) = self.id(rest)?;
                inner.push(id);
                rest = behind;
            }
            "(" => {
                while !rest.starts_with(')') {
                    let (id, behind) = self.id(rest)?;
                    inner.push(id);
                    rest = behind;
                }
                rest = &rest[1..];
            }
            _ => {}
        }
        let whole = &text[..text.len() - rest.len()];
        if let Some(id) = self.made.get(whole) {
            return Ok((*id, rest));
        }
        let id = match (kind, inner.as_slice()) {
            ("i", _) => self.add("int", INT, 0, 4, &[32]),
            ("s", _) => self.add("structure", STRUCT, 0, 0, &[]),
            ("u", _) => self.add("one_of", UNION, 0, 0, &[]),
            ("e", _) => self.add("numbers", ENUM, 0, 4, &[]),
            ("*", [id]) => self.add("", PTR, 0, *id, &[]),
            ("(", [result, arguments @ ..]) => {
                let name = self.string("argument");
                let words: Vec<_> = arguments.iter().flat_map(|id| [name, *id]).collect();
                self.add("", FUNC_PROTO, arguments.len(), *result, &words)
            }
            _ => return Err(format!("a prototype with {text}").into()),
        };
        self.made.insert(whole.to_owned(), id);
        Ok((id, rest))
    }

    fn add(&mut self, name: &str, kind: u32, len: usize, size_or_type: u32, words: &[u32]) -> u32 {
        let name = if name.is_empty() {
            0
        } else {
            self.string(name)
        };
        let info = kind << 24 | len as u32;
        for word in [&[name, info, size_or_type], words].concat() {
            self.types.extend(word.to_le_bytes());
        }
        self.last += 1;
        self.last
    }

    fn string(&mut self, text: &str) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend(text.bytes().chain([0]));
        at
    }
}
