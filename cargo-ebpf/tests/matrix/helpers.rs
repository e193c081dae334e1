//! Objects with a program for each helper, one for each kind of program.

use std::{fs, path::PathBuf};

use test_support::Failed;

use crate::sandbox::{Program, Sandbox, object_of};

/// Helpers have numbers from 1 to this: later ones are kfuncs.
const LAST: u8 = 211;

/// Kinds of programs whose helpers hang on nothing else than the kind.
const SECTIONS: [&str; 18] = [
    "action",
    "cgroup/dev",
    "cgroup/sysctl",
    "cgroup_skb/ingress",
    "flow_dissector",
    "kprobe/vfs_read",
    "perf_event",
    "raw_tp.w/sys_enter",
    "raw_tp/sys_enter",
    "sk_lookup",
    "sk_msg",
    "sk_reuseport",
    "sk_skb/stream_verdict",
    "socket",
    "sockops",
    "tc",
    "tracepoint/sched/sched_switch",
    "xdp",
];

/// Helpers that kernels have or lack by how they are configured: bpf_override_return
/// (`CONFIG_BPF_KPROBE_OVERRIDE`).
const CONFIGURED: [u8; 1] = [58];

/// Writes the objects, and says where.
pub(crate) fn objects(sandbox: &Sandbox) -> Result<Vec<PathBuf>, Failed> {
    let mut paths = Vec::new();
    for (number, section) in SECTIONS.into_iter().enumerate() {
        let helpers = (1..=LAST).filter(|helper| !CONFIGURED.contains(helper));
        let programs: Vec<_> = helpers
            .map(|helper| Program {
                name: format!("helper_{helper}"),
                // call helper; r0 = 0; exit
                code: vec![
                    [0x85, 0, 0, 0, helper, 0, 0, 0],
                    [0xb7, 0, 0, 0, 0, 0, 0, 0],
                    [0x95, 0, 0, 0, 0, 0, 0, 0],
                ],
            })
            .collect();
        let path = sandbox.path(&format!("helpers-{number}.o"));
        fs::write(&path, object_of(section, &programs, None)?)?;
        paths.push(path);
    }
    Ok(paths)
}
