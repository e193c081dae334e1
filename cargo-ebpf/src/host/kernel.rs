//! The running kernel: its version, its BTF, and what it lets this process do.
//! Everything is read from `/proc`, `/sys` and two system calls, so that it works
//! in a guest that has nothing else.

use std::{ffi::CStr, fmt, fs, io, mem::MaybeUninit, path::Path};

use serde::Serialize;

/// Where the kernel shows its own BTF.
pub(crate) const VMLINUX_BTF: &str = "/sys/kernel/btf/vmlinux";

/// A kernel version, as far as it decides what is there: major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Version(pub u16, pub u8, pub u16);

impl Version {
    /// Reads the numbers that a release such as `6.1.0-18-amd64` begins with.
    /// Numbers that are missing are 0.
    pub(crate) fn of_release(release: &str) -> Self {
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|number| number.parse::<u16>().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        Self(next(), u8::try_from(next()).unwrap_or(u8::MAX), next())
    }

    /// `LINUX_VERSION_CODE`, which kernels before 5.0 want from kprobe programs. The
    /// patch level has eight bits there and stops at 255 (include/linux/version.h).
    pub(crate) fn code(self) -> u32 {
        u32::from(self.0) << 16 | u32::from(self.1) << 8 | u32::from(self.2.min(255))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The capabilities that the bpf system call asks for, by their bit
/// (include/uapi/linux/capability.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capability {
    /// Networking programs.
    NetAdmin = 12,
    /// Everything that the finer ones allow, and before 5.8 the only one.
    SysAdmin = 21,
    /// Tracing programs and pointer arithmetic (Linux 5.8).
    Perfmon = 38,
    /// Maps, BTF and loading programs (Linux 5.8).
    Bpf = 39,
}

impl Capability {
    /// The name that setcap(8) and capabilities(7) use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::Perfmon => "CAP_PERFMON",
            Self::Bpf => "CAP_BPF",
        }
    }
}

/// The capabilities that this process may use now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Capabilities(u64);

impl Capabilities {
    /// Those of this process: none where `/proc` does not say.
    pub(crate) fn effective() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self::in_status(&status)
    }

    /// Those in the text of a `/proc/PID/status`.
    pub(crate) fn in_status(status: &str) -> Self {
        status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
            .map_or(Self(0), Self)
    }

    /// Whether `capability` is among them.
    pub(crate) fn has(self, capability: Capability) -> bool {
        self.0 >> capability as u64 & 1 == 1
    }

    /// What is missing to load any kind of program; empty if nothing is.
    pub(crate) fn missing_for_bpf(self) -> Vec<Capability> {
        if self.has(Capability::SysAdmin) {
            return Vec::new();
        }
        [Capability::Bpf, Capability::Perfmon, Capability::NetAdmin]
            .into_iter()
            .filter(|&capability| !self.has(capability))
            .collect()
    }
}

/// What the kernel answers to the bpf system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BpfSyscall {
    /// It is there and answers this process.
    Answers,
    /// It is there; this process may not use it.
    Refused,
    /// The kernel was built without it (`CONFIG_BPF_SYSCALL`).
    Missing,
}

/// The kernel that runs.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// Its release as `uname -r` prints it.
    pub release: String,
    /// The numbers that the release begins with.
    pub version: Version,
    /// What this process may do.
    pub capabilities: Capabilities,
}

impl Kernel {
    /// The kernel that this process runs on.
    pub(crate) fn running() -> Self {
        let release = release();
        Self {
            version: Version::of_release(&release),
            capabilities: Capabilities::effective(),
            release,
        }
    }

    /// Whether the kernel shows its BTF.
    pub(crate) fn has_btf(&self) -> bool {
        Path::new(VMLINUX_BTF).exists()
    }

    /// The kernel's BTF: some MiB, so read it only where it is needed.
    ///
    /// # Errors
    /// When the kernel has none (`CONFIG_DEBUG_INFO_BTF`).
    pub(crate) fn btf(&self) -> io::Result<Vec<u8>> {
        fs::read(VMLINUX_BTF)
    }

    /// Asks the bpf system call something that no kernel knows.
    pub(crate) fn bpf_syscall(&self) -> BpfSyscall {
        // SAFETY: an attribute of size 0 is never read, so its address may be null.
        unsafe { libc::syscall(libc::SYS_bpf, libc::c_int::MAX, std::ptr::null::<u8>(), 0) };
        match io::Error::last_os_error().raw_os_error() {
            Some(libc::ENOSYS) => BpfSyscall::Missing,
            Some(libc::EPERM) => BpfSyscall::Refused,
            _ => BpfSyscall::Answers,
        }
    }
}

fn release() -> String {
    let mut name = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: uname fills the struct that it is given; zeroed is a valid state of it,
    // and every field it fills ends with a NUL.
    let release = unsafe {
        libc::uname(name.as_mut_ptr());
        CStr::from_ptr((*name.as_ptr()).release.as_ptr()).to_owned()
    };
    release.to_string_lossy().into_owned()
}

/// How many CPUs this machine may ever have: what per-CPU things are sized by.
/// 1 where `/sys` does not say.
pub(crate) fn possible_cpus() -> u32 {
    fs::read_to_string("/sys/devices/system/cpu/possible")
        .ok()
        .and_then(|list| last_cpu(&list))
        .map_or(1, |last| last.saturating_add(1))
}

/// The last number of a list such as `0-3,8-11`.
fn last_cpu(list: &str) -> Option<u32> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

/// The size of a page in bytes.
pub(crate) fn page_size() -> u32 {
    // SAFETY: sysconf only reads its argument.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u32::try_from(size).unwrap_or(4096)
}

/// Lifts the limit on locked memory, against which kernels before 5.11 count BPF
/// maps and programs. Later kernels count them against the memory cgroup.
///
/// # Errors
/// When the limit stays below what BPF needs: this process may not raise it.
pub(crate) fn lift_memlock(version: Version) -> io::Result<()> {
    if version >= Version(5, 11, 0) {
        return Ok(());
    }
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the limit is a valid struct that outlives the call.
    match unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_what_a_release_begins_with() {
        assert_eq!(Version::of_release("6.18.44-fc-v669"), Version(6, 18, 44));
        assert_eq!(
            Version::of_release("5.10.0-30-cloud-amd64"),
            Version(5, 10, 0)
        );
        assert_eq!(Version::of_release("7.3-rc1"), Version(7, 3, 0));
        assert_eq!(Version::of_release(""), Version(0, 0, 0));
        assert!(Version(5, 8, 0) > Version(5, 7, 300));
    }

    #[test]
    fn version_code_stops_at_patch_255() {
        assert_eq!(Version(4, 19, 325).code(), 4 << 16 | 19 << 8 | 255);
    }

    #[test]
    fn capabilities_are_bits_of_the_effective_set() {
        let some = Capabilities::in_status("CapPrm:\tffff\nCapEff:\t000000c000000000\n");
        assert!(some.has(Capability::Bpf) && some.has(Capability::Perfmon));
        assert_eq!(some.missing_for_bpf(), [Capability::NetAdmin]);
        let root = Capabilities::in_status("CapEff:\t000001ffffffffff\n");
        assert_eq!(root.missing_for_bpf(), []);
        assert_eq!(Capabilities::in_status("no such line"), Capabilities(0));
    }

    #[test]
    fn possible_cpus_end_with_the_last_of_the_list() {
        assert_eq!(last_cpu("0-3\n"), Some(3));
        assert_eq!(last_cpu("0\n"), Some(0));
        assert_eq!(last_cpu("0-3,8-11\n"), Some(11));
        assert_eq!(last_cpu("\n"), None);
    }

    #[test]
    fn the_running_kernel_has_a_version() {
        assert!(Kernel::running().version > Version(4, 0, 0));
    }
}
