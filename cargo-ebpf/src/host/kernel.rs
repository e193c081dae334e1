//! The running kernel: its version, its BTF, and what it lets this process do.
//! Everything is read from `/proc`, `/sys` and two system calls, so that it works
//! in a guest that has nothing else.

use std::{
    collections::HashMap,
    fs,
    io::{self, Read as _},
    path::Path,
};

use ebpf_base::{
    KernelVersion,
    btf::VMLINUX,
    capability::Capabilities,
    kernel_release,
    syscall::{self, Availability},
};

/// The kernel that runs.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// Its release as `uname -r` prints it.
    pub release: String,
    /// The numbers that the release begins with; 0.0 if there are none.
    pub version: KernelVersion,
    /// What this process may do.
    pub capabilities: Capabilities,
}

impl Kernel {
    /// The kernel that this process runs on.
    pub(crate) fn running() -> Self {
        let release = kernel_release();
        Self {
            version: KernelVersion::of_release(&release).unwrap_or_default(),
            capabilities: Capabilities::effective().unwrap_or_default(),
            release,
        }
    }

    /// The version that libbpf gives to objects: Debian's releases contain no patch level.
    pub(crate) fn linux_version(&self) -> u32 {
        let build = fs::read_to_string("/proc/sys/kernel/version").unwrap_or_default();
        match debian_version(&build) {
            Some(version) => version_code(version),
            None => self.version_code(),
        }
    }

    /// `LINUX_VERSION_CODE`, which kernels before 5.0 want from kprobe programs. The
    /// patch level has eight bits there and stops at 255 (include/linux/version.h).
    pub(crate) fn version_code(&self) -> u32 {
        version_code(&self.release)
    }

    /// The settings that the kernel was configured with, by name, as `y`, `m`, `"text"` or a
    /// number.
    ///
    /// # Errors
    /// When neither `/boot` nor `/proc` has them.
    pub(crate) fn settings(&self) -> io::Result<HashMap<String, String>> {
        let text = fs::read_to_string(format!("/boot/config-{}", self.release)).or_else(|_| {
            let compressed = fs::File::open("/proc/config.gz")?;
            let mut text = String::new();
            flate2::read::GzDecoder::new(compressed).read_to_string(&mut text)?;
            io::Result::Ok(text)
        })?;
        Ok(settings(&text))
    }

    /// Whether the kernel shows its BTF.
    pub(crate) fn has_btf(&self) -> bool {
        Path::new(VMLINUX).exists()
    }

    /// The kernel's BTF: some MiB, so read it only where it is needed.
    ///
    /// # Errors
    /// When the kernel has none (`CONFIG_DEBUG_INFO_BTF`).
    pub(crate) fn btf(&self) -> io::Result<Vec<u8>> {
        fs::read(VMLINUX)
    }

    /// How the kernel answers bpf(2).
    pub(crate) fn bpf_syscall(&self) -> Availability {
        syscall::availability()
    }
}

/// The version in `#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-3 (2026-11-01)`.
fn debian_version(build: &str) -> Option<&str> {
    let (_, version) = build.split_once("Debian ")?;
    version.split([' ', '-']).next()
}

/// The three numbers at the beginning of `version` in one; those that are missing are 0.
fn version_code(version: &str) -> u32 {
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse::<u32>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let [major, minor, patch] = [next(), next(), next()];
    major << 16 | minor.min(255) << 8 | patch.min(255)
}

/// The lines `CONFIG_NAME=value`; others are comments.
fn settings(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| name.starts_with("CONFIG_"))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

/// The addresses of functions and variables of the kernel, by name: all that have it.
///
/// # Errors
/// When the kernel does not list them.
pub(crate) fn symbols(names: &[&str]) -> io::Result<HashMap<String, Vec<u64>>> {
    let mut found: HashMap<String, Vec<u64>> = HashMap::new();
    for line in fs::read_to_string("/proc/kallsyms")?.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(address), Some(name)) = (words.next(), words.nth(1)) else {
            continue;
        };
        if names.contains(&name)
            && let Ok(address) = u64::from_str_radix(address, 16)
        {
            found.entry(name.to_owned()).or_default().push(address);
        }
    }
    Ok(found)
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
    u32::try_from(rustix::param::page_size()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_code_stops_at_patch_255() {
        let code = |release: &str| {
            let kernel = Kernel {
                release: release.to_owned(),
                version: KernelVersion::of_release(release).unwrap_or_default(),
                capabilities: Capabilities::default(),
            };
            kernel.version_code()
        };
        assert_eq!(code("4.19.325-generic"), 4 << 16 | 19 << 8 | 255);
        assert_eq!(code("4.19.12"), 4 << 16 | 19 << 8 | 12);
        assert_eq!(code("7.3-rc1"), 7 << 16 | 3 << 8);
    }

    #[test]
    fn the_version_of_debian_is_in_the_build() {
        let build = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-3 (2026-11-01)";
        assert_eq!(
            debian_version(build).map(version_code),
            Some(6 << 16 | 1 << 8 | 192)
        );
        assert_eq!(debian_version("#1 SMP PREEMPT_DYNAMIC"), None);
    }

    #[test]
    fn settings_are_the_lines_with_a_value() {
        let text = "#\n# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=\"a=b\"\nOTHER=1\n";
        let expected = [("CONFIG_B", "y"), ("CONFIG_C", "\"a=b\"")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(settings(text), expected.into());
    }

    #[test]
    fn possible_cpus_end_with_the_last_of_the_list() {
        assert_eq!(last_cpu("0-3\n"), Some(3));
        assert_eq!(last_cpu("0\n"), Some(0));
        assert_eq!(last_cpu("0-3,8-11\n"), Some(11));
        assert_eq!(last_cpu("\n"), None);
    }
}
