//! What `lock` gives up once its programs are attached: the recorded programs may belong to anybody.

use std::fs;

use ebpf_base::capability::{Capabilities, Capability};

/// What recording and naming need.
const KEPT: [Capability; 12] = [
    // Maps, and events of the CPU's counters.
    Capability::Bpf,
    Capability::Perfmon,
    // Names: other users' processes and their files, the kernel's symbols.
    Capability::SysPtrace,
    Capability::CheckpointRestore,
    Capability::DacReadSearch,
    Capability::Syslog,
    // A process without privileges reads untrusted files.
    Capability::Setgid,
    Capability::Setuid,
    Capability::SysChroot,
    // The report is written to a directory of the user, the command is ended.
    Capability::DacOverride,
    Capability::Kill,
    Capability::SysNice,
];

/// Gives up the others in this thread, and set-user-ID programs. Not before the command is started:
/// it is to have what the user has. Where the kernel does not permit it, recording goes on.
pub(crate) fn give_up() {
    let mut kept = KEPT.to_vec();
    // Before Linux 5.9, this one stands for Bpf, Perfmon and CheckpointRestore.
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap").ok();
    let last = last.and_then(|last| last.trim().parse::<u8>().ok());
    if last.is_none_or(|last| last < Capability::CheckpointRestore as u8) {
        kept.push(Capability::SysAdmin);
    }
    let _ = Capabilities::of(&kept).keep();
}
