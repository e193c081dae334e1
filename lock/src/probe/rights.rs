//! The rights that this process has: its effective capabilities.

use std::fs;

use crate::probe::requirements::field;

/// A capability: its number, of the kernel's `include/uapi/linux/capability.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Right {
    /// To look into other users' processes.
    SysPtrace = 19,
    /// All but everything.
    SysAdmin = 21,
    /// To trace the kernel.
    Perfmon = 38,
    /// To load BPF programs.
    Bpf = 39,
    /// To open what processes have mapped, also where its file is gone.
    CheckpointRestore = 40,
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights(u64);

impl Rights {
    /// Those of this process. None without /proc.
    pub(crate) fn held() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/status").ok()?)
    }

    /// Those that `/proc/PID/status` tells.
    pub(super) fn parse(status: &str) -> Option<Self> {
        let hex = field(status, "CapEff:")?;
        u64::from_str_radix(hex, 16).ok().map(Self)
    }

    /// Whether it has this one, by itself or as a part of CAP_SYS_ADMIN.
    pub(crate) fn has(self, right: Right) -> bool {
        let one = |right: Right| self.0 & (1 << right as u32) != 0;
        let part = matches!(
            right,
            Right::Perfmon | Right::Bpf | Right::CheckpointRestore
        );
        one(right) || (part && one(Right::SysAdmin))
    }

    /// The names of those without which nothing can be recorded.
    pub(crate) fn missing_to_record(self) -> Vec<&'static str> {
        [(Right::Bpf, "CAP_BPF"), (Right::Perfmon, "CAP_PERFMON")]
            .into_iter()
            .filter_map(|(right, name)| (!self.has(right)).then_some(name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Right, Rights};

    #[test]
    fn rights_are_read_from_status() {
        let missing = |hex: &str| {
            let rights = Rights::parse(&format!("Name:\tlock\nCapEff:\t{hex}\n"));
            rights.expect("rights").missing_to_record()
        };
        assert!(missing("000001ffffffffff").is_empty(), "root");
        assert!(missing("000000c000000000").is_empty(), "just the two");
        assert!(missing("0000000000200000").is_empty(), "CAP_SYS_ADMIN");
        assert_eq!(missing("0000008000000000"), ["CAP_PERFMON"]);
        assert_eq!(missing("0000000000000000"), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(Rights::parse("CapEff:\tx\n"), None);
        assert_eq!(Rights::parse(""), None);
    }

    #[test]
    fn only_some_rights_are_part_of_sys_admin() {
        let admin = Rights(1 << Right::SysAdmin as u32);
        assert!(admin.has(Right::Bpf) && admin.has(Right::CheckpointRestore));
        assert!(!admin.has(Right::SysPtrace));
    }
}
