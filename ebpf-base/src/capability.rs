//! Capabilities of a process, as far as tools for eBPF and tracing ask for them.

use std::{fs, io, os::unix::fs::MetadataExt as _};

/// A capability. The values are the bits of `include/uapi/linux/capability.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Capability {
    /// Writing to others' files and directories.
    DacOverride = 1,
    /// Reading them.
    DacReadSearch = 2,
    /// Signals to others' processes.
    Kill = 5,
    /// Taking other groups.
    Setgid = 6,
    /// Taking another user's place.
    Setuid = 7,
    /// Networking programs, and network devices.
    NetAdmin = 12,
    /// Changing the root directory.
    SysChroot = 18,
    /// Access to other users' processes.
    SysPtrace = 19,
    /// Includes the finer capabilities for BPF; before Linux 5.8 the only one.
    SysAdmin = 21,
    /// Priority before other processes.
    SysNice = 23,
    /// Resource limits above the hard ones.
    SysResource = 24,
    /// Addresses in the kernel, as in `/proc/kallsyms`.
    Syslog = 34,
    /// Tracing programs and pointer arithmetic (Linux 5.8).
    Perfmon = 38,
    /// Maps, BTF and loading programs (Linux 5.8).
    Bpf = 39,
    /// Files that processes have mapped, through `/proc/PID/map_files` (Linux 5.9).
    CheckpointRestore = 40,
}

impl Capability {
    /// The name in capabilities(7).
    pub const fn name(self) -> &'static str {
        match self {
            Self::DacOverride => "CAP_DAC_OVERRIDE",
            Self::DacReadSearch => "CAP_DAC_READ_SEARCH",
            Self::Kill => "CAP_KILL",
            Self::Setgid => "CAP_SETGID",
            Self::Setuid => "CAP_SETUID",
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::SysChroot => "CAP_SYS_CHROOT",
            Self::SysPtrace => "CAP_SYS_PTRACE",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::SysNice => "CAP_SYS_NICE",
            Self::SysResource => "CAP_SYS_RESOURCE",
            Self::Syslog => "CAP_SYSLOG",
            Self::Perfmon => "CAP_PERFMON",
            Self::Bpf => "CAP_BPF",
            Self::CheckpointRestore => "CAP_CHECKPOINT_RESTORE",
        }
    }
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities(u64);

impl Capabilities {
    /// The effective set of this process; `None` without `/proc`. It is empty in a user namespace:
    /// what is held there does not count for BPF.
    pub fn effective() -> Option<Self> {
        if in_user_namespace() {
            return Some(Self::default());
        }
        Self::of_status(&fs::read_to_string("/proc/self/status").ok()?)
    }

    /// The effective set in the text of a `/proc/PID/status`.
    pub fn of_status(status: &str) -> Option<Self> {
        let bits = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))?;
        u64::from_str_radix(bits.trim(), 16).ok().map(Self)
    }

    /// The set of these.
    pub fn of(capabilities: &[Capability]) -> Self {
        let bits = capabilities.iter().map(|&capability| 1 << capability as u8);
        Self(bits.fold(0, |set, bit: u64| set | bit))
    }

    /// Gives up, for this thread and what it starts, all capabilities that are not in the set, and
    /// the way to get them again: set-user-ID programs and file capabilities (no_new_privs).
    ///
    /// # Errors
    /// When the kernel does not permit it, such as by a seccomp filter.
    pub fn keep(self) -> io::Result<()> {
        // _LINUX_CAPABILITY_VERSION_3, and this thread.
        let header: [u32; 2] = [0x2008_0522, 0];
        // The effective, permitted and inheritable set, of the lower and the upper half.
        let mut sets = [[0_u32; 3]; 2];
        let check = |result: libc::c_long| match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        };
        // SAFETY: capget(2) writes, and capset(2) reads, as much as `sets` has in this version;
        // prctl with this option takes numbers.
        unsafe {
            check(libc::syscall(
                libc::SYS_capget,
                header.as_ptr(),
                sets.as_mut_ptr(),
            ))?;
            let kept = [self.0 as u32, (self.0 >> 32) as u32];
            for (set, kept) in sets.iter_mut().zip(kept) {
                *set = [set[0] & kept, set[1] & kept, 0];
            }
            check(libc::syscall(
                libc::SYS_capset,
                header.as_ptr(),
                sets.as_ptr(),
            ))?;
            check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0).into())
        }
    }

    /// Whether `capability` is in the set.
    pub const fn has(self, capability: Capability) -> bool {
        self.0 >> capability as u8 & 1 == 1
    }

    /// Whether the set permits what `capability` is for: it contains it, or contains
    /// CAP_SYS_ADMIN, which includes those that were split off from it
    /// (`include/linux/capability.h`: `perfmon_capable`, `bpf_capable`,
    /// `checkpoint_restore_ns_capable`).
    pub const fn permits(self, capability: Capability) -> bool {
        self.has(capability)
            || matches!(
                capability,
                Capability::Perfmon | Capability::Bpf | Capability::CheckpointRestore
            ) && self.has(Capability::SysAdmin)
    }

    /// The capabilities that are missing to load programs of any type. CAP_SYS_ADMIN
    /// stands for all of them (`bpf_prog_load` in `kernel/bpf/syscall.c`).
    pub fn missing_for_bpf(self) -> Vec<Capability> {
        if self.has(Capability::SysAdmin) {
            return Vec::new();
        }
        [Capability::Bpf, Capability::Perfmon, Capability::NetAdmin]
            .into_iter()
            .filter(|&capability| !self.has(capability))
            .collect()
    }
}

/// Whether this process is in another user namespace than the initial one, as in a rootless
/// container.
pub fn in_user_namespace() -> bool {
    /// `PROC_USER_INIT_INO` in `include/linux/proc_ns.h`.
    const INITIAL: u64 = 0xefff_fffd;
    fs::metadata("/proc/self/ns/user").is_ok_and(|namespace| namespace.ino() != INITIAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bits: &str) -> Capabilities {
        let status = format!("Name:\tx\nCapPrm:\tffff\nCapEff:\t{bits}\n");
        Capabilities::of_status(&status).expect("a set")
    }

    #[test]
    fn capabilities_are_bits_of_the_effective_set() {
        let some = of("000000c000000000");
        assert!(some.has(Capability::Bpf) && some.has(Capability::Perfmon));
        assert_eq!(some.missing_for_bpf(), [Capability::NetAdmin]);
        assert_eq!(of("000001ffffffffff").missing_for_bpf(), []);
        assert_eq!(Capabilities::of_status("no such line"), None);
        assert_eq!(Capabilities::of_status("CapEff:\tx\n"), None);
    }

    #[test]
    fn what_is_not_kept_is_given_up_by_one_thread() {
        let status = || fs::read_to_string("/proc/thread-self/status").unwrap();
        let before = status();
        std::thread::spawn(move || {
            Capabilities::of(&[Capability::Bpf]).keep().unwrap();
            let after = Capabilities::of_status(&status()).unwrap();
            assert_eq!(after.0 & !(1 << Capability::Bpf as u8), 0);
            assert!(status().contains("NoNewPrivs:\t1"));
        })
        .join()
        .unwrap();
        let caps = |status: &str| Capabilities::of_status(status);
        assert_eq!(caps(&status()), caps(&before));
    }

    #[test]
    fn sys_admin_includes_what_was_split_off() {
        let admin = of("0000000000200000");
        assert!(admin.permits(Capability::Bpf) && admin.permits(Capability::CheckpointRestore));
        assert!(!admin.permits(Capability::SysPtrace) && !admin.has(Capability::Bpf));
        assert_eq!(admin.missing_for_bpf(), []);
    }
}
