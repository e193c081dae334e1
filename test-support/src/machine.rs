//! What a test needs of the machine, found out without the programs that are tested.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    failed::{Failed, Outcome, skip},
    require::is_required,
};

/// Something that a test needs of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    /// As `EBPF_TEST_REQUIRE` names it.
    pub name: &'static str,
    /// Finds out whether it is there.
    ///
    /// # Errors
    /// The reason why it is not.
    pub check: fn() -> Result<(), String>,
}

impl Need {
    /// Skips the test where it is not there.
    ///
    /// # Errors
    /// When it is not there.
    pub fn met(&self) -> Outcome {
        (self.check)().map_err(|reason| skip(self.name, reason))
    }
}

/// The capabilities to load and attach BPF programs.
pub const CAPABILITIES: Need = Need {
    name: "capabilities",
    check: || {
        const SYS_ADMIN: u32 = 21;
        let has = effective_capabilities() >> SYS_ADMIN & 1 == 1;
        has.then_some(())
            .ok_or_else(|| "loading BPF programs needs CAP_SYS_ADMIN; run as root".to_owned())
    },
};

/// The user root.
pub const ROOT: Need = Need {
    name: "root",
    check: || {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        // The second number is the effective user.
        let effective = user.and_then(|ids| ids.split_whitespace().nth(1));
        (effective == Some("0"))
            .then_some(())
            .ok_or_else(|| "only root can become another user".to_owned())
    },
};

/// The types of the running kernel.
pub const KERNEL_BTF: Need = Need {
    name: "kernel-btf",
    check: || exists("/sys/kernel/btf/vmlinux"),
};

/// A toolchain for BPF: a linker that `cargo ebpf setup` has built, which it does last.
pub const TOOLCHAIN: Need = Need {
    name: "toolchain",
    check: || {
        let linkers = cache().map(|cache| cache.join("linkers"));
        let entries = linkers.and_then(|linkers| fs::read_dir(linkers).ok());
        let has_linker = entries
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.path().join("bin/bpf-linker").is_file());
        has_linker
            .then_some(())
            .ok_or_else(|| "no linker for BPF; needed first: cargo xtask setup".to_owned())
    },
};

/// The kernels that guests boot in tests, as `--kernel` names them.
pub const GUEST_KERNELS: [&str; 4] = ["5.10", "6.1", "6.12", "7.3"];

/// qemu, and the images of [`GUEST_KERNELS`].
pub const GUESTS: Need = Need {
    name: "guests",
    check: || {
        on_path("qemu-system-x86_64")
            .map_err(|reason| format!("{reason} (cargo xtask setup --vm)"))?;
        let images = images();
        let is_cached = |kernel: &&str| images.iter().any(|image| image.label == *kernel);
        match GUEST_KERNELS.iter().find(|kernel| !is_cached(kernel)) {
            None => Ok(()),
            Some(kernel) => Err(format!(
                "Linux {kernel} is not cached; needed first: cargo xtask kernels --fetch {}",
                GUEST_KERNELS.join(",")
            )),
        }
    },
};

/// The kernel that guests of the other architecture boot in tests.
pub const ARM64_KERNEL: &str = "6.1/arm64";

/// qemu for arm64, the image of [`ARM64_KERNEL`], and what the agent is built with.
pub const ARM64_GUESTS: Need = Need {
    name: "arm64-guests",
    check: || {
        const SETUP: &str = "cargo xtask setup --vm --arch arm64";
        on_path("qemu-system-aarch64").map_err(|reason| format!("{reason} ({SETUP})"))?;
        if !images().iter().any(|image| image.label == ARM64_KERNEL) {
            return Err(format!(
                "Linux {ARM64_KERNEL} is not cached; needed first: cargo xtask kernels --fetch \
                 {ARM64_KERNEL}"
            ));
        }
        let agents = cache().map(|cache| cache.join("agents"));
        agents
            .is_some_and(|agents| agents.is_dir())
            .then_some(())
            .ok_or_else(|| format!("no agent for arm64 was built; needed first: {SETUP}"))
    },
};

/// A machine whose other architecture is arm64.
pub const X86_64: Need = Need {
    name: "x86_64",
    check: || {
        cfg!(target_arch = "x86_64")
            .then_some(())
            .ok_or_else(|| "this machine is not x86-64".to_owned())
    },
};

/// A compiler of the distribution that is the only one with library sources: where rustup's has
/// them, too, that is taken first.
pub const DISTRIBUTION_TOOLCHAIN: Need = Need {
    name: "distribution-toolchain",
    check: || {
        exists("/usr/bin/rustc")?;
        let home = |name, below| Some(PathBuf::from(env::var_os(name)?).join(below));
        let rustup = home("RUSTUP_HOME", "").or_else(|| home("HOME", ".rustup"));
        let toolchains = rustup.and_then(|rustup| fs::read_dir(rustup.join("toolchains")).ok());
        let with_sources = toolchains
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .find(|toolchain| toolchain.join("lib/rustlib/src/rust/library").is_dir());
        match with_sources {
            None => Ok(()),
            Some(toolchain) => Err(format!("{} has library sources", toolchain.display())),
        }
    },
};

/// Debian's archive, as apt is set up on this machine.
pub const DEBIAN_ARCHIVE: Need = Need {
    name: "debian-archive",
    check: || {
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        if !release.lines().any(|line| line == "ID=debian") {
            return Err("this is not Debian".to_owned());
        }
        const SCRIPT: &str = "set -e
            target=$(apt-get indextargets --format '$(REPO_URI)dists/$(RELEASE)/InRelease' \
                'Created-By: Packages' | head -n 1)
            directory=$(mktemp -d)
            trap 'rm -r \"$directory\"' EXIT
            /usr/lib/apt/apt-helper download-file \"$target\" \"$directory/InRelease\" >&2";
        runs("sh", &["-c", SCRIPT]).map_err(|reason| format!("Debian's archive: {reason}"))
    },
};

/// The kernels that a test can ask: those that guests boot, and the running one. Where guests
/// are required, it is not enough to have the running one.
///
/// # Errors
/// When there is none.
pub fn kernels() -> Result<Vec<&'static str>, Failed> {
    let guests = GUESTS.met();
    let host = CAPABILITIES.met();
    let mut kernels = Vec::new();
    match guests {
        Ok(()) => kernels.extend(GUEST_KERNELS),
        Err(failed) if host.is_err() || is_required(GUESTS.name) => return Err(failed),
        Err(_) => {}
    }
    match host {
        Ok(()) => kernels.push("host"),
        Err(failed) if is_required(CAPABILITIES.name) => return Err(failed),
        Err(_) => {}
    }
    Ok(kernels)
}

/// 32-bit programs of an x86-64 machine: CONFIG_IA32_EMULATION.
pub const PROGRAMS_32_BIT: Need = Need {
    name: "32-bit-programs",
    check: || exists("/proc/sys/abi/vsyscall32"),
};

/// A mount namespace, with a file system mounted in it.
pub const MOUNT_NAMESPACE: Need = Need {
    name: "namespaces",
    check: || {
        runs(
            "unshare",
            &["--mount", "sh", "-c", "mount -t tmpfs none /mnt"],
        )
    },
};

/// A network namespace.
pub const NETWORK_NAMESPACE: Need = Need {
    name: "namespaces",
    check: || runs("unshare", &["--net", "true"]),
};

/// A user namespace. There is none where the root was changed to by chroot.
pub const USER_NAMESPACE: Need = Need {
    name: "namespaces",
    check: || runs("unshare", &["--user", "--map-root-user", "--mount", "true"]),
};

/// `setpriv`, and that capabilities can be given up.
pub const SETPRIV: Need = Need {
    name: "setpriv",
    check: || {
        runs(
            "setpriv",
            &["--bounding-set=-all", "--inh-caps=-all", "--", "true"],
        )
    },
};

/// A cgroup of version 2 below which groups can be made.
pub const CGROUP: Need = Need {
    name: "cgroup",
    check: || {
        let mount = cgroup_mount().ok_or("no cgroup2 is mounted")?;
        let probe = mount.join(format!("test-support-{}", std::process::id()));
        fs::create_dir(&probe)
            .and_then(|()| fs::remove_dir(&probe))
            .map_err(|error| format!("no group can be made in {}: {error}", mount.display()))
    },
};

/// Two CPUs.
pub const TWO_CPUS: Need = Need {
    name: "cpus",
    check: || match std::thread::available_parallelism() {
        Ok(cpus) if cpus.get() > 1 => Ok(()),
        _ => Err("there is only one CPU".to_owned()),
    },
};

/// `apt-get`.
pub const APT: Need = program("apt-get", || on_path("apt-get"));
/// `bpftool`.
pub const BPFTOOL: Need = program("bpftool", || on_path("bpftool"));
/// `file`.
pub const FILE: Need = program("file", || on_path("file"));
/// LLVM's disassembler.
pub const LLVM_OBJDUMP: Need = program("llvm-objdump", || {
    llvm_objdump()
        .map(drop)
        .ok_or_else(|| "llvm-objdump is not installed".to_owned())
});
/// `dpkg-deb`.
pub const DPKG_DEB: Need = program("dpkg-deb", || on_path("dpkg-deb"));
/// `perf`.
pub const PERF: Need = program("perf", || runs("perf", &["--version"]));
/// `python3`.
pub const PYTHON: Need = program("python3", || runs("python3", &["--version"]));

const fn program(name: &'static str, check: fn() -> Result<(), String>) -> Need {
    Need { name, check }
}

/// The effective capabilities of this process, one bit each.
pub fn effective_capabilities() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0)
}

/// Where a program is, as a shell of root would find it.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let directories = env::var_os("PATH").unwrap_or_default();
    // Where Debian has tools for administrators, which users' PATH lacks.
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&directories)
        .chain(more)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// LLVM's disassembler, the newest: distributions add a version to its name.
pub fn llvm_objdump() -> Option<PathBuf> {
    let version = |path: &Path| -> Option<u32> {
        let name = path.file_name()?.to_str()?.strip_prefix("llvm-objdump")?;
        match name.strip_prefix('-') {
            Some(version) => version.parse().ok(),
            None => name.is_empty().then_some(0),
        }
    };
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .flat_map(fs::read_dir)
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|path| Some((version(&path)?, path)))
        .max()
        .map(|(_, path)| path)
}

/// Where a hierarchy of cgroups of version 2 is mounted.
pub fn cgroup_mount() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let place = words.next()?;
        (words.next()? == "cgroup2").then(|| place.into())
    })
}

/// The image of a kernel in the cache of `cargo ebpf`.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its directory, with `vmlinuz` and `image.json`.
    pub directory: PathBuf,
    /// As `--kernel` names it.
    pub label: String,
}

/// The images in the cache.
pub fn images() -> Vec<Image> {
    let images = cache().map(|cache| cache.join("kernels/images"));
    let entries = images.and_then(|images| fs::read_dir(images).ok());
    let image = |directory: PathBuf| {
        let text = fs::read(directory.join("image.json")).ok()?;
        let document: Value = serde_json::from_slice(&text).ok()?;
        let label = document["label"].as_str()?.to_owned();
        let is_whole = directory.join("vmlinuz").is_file();
        is_whole.then_some(Image { directory, label })
    };
    entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| image(entry.path()))
        .collect()
}

/// The cache of `cargo ebpf`, of the user who runs the tests.
pub fn cache() -> Option<PathBuf> {
    let named = |name| env::var_os(name).map(PathBuf::from);
    let caches = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")))?;
    Some(caches.join("cargo-ebpf"))
}

fn exists(path: &str) -> Result<(), String> {
    Path::new(path)
        .exists()
        .then_some(())
        .ok_or_else(|| format!("{path} does not exist"))
}

fn on_path(name: &str) -> Result<(), String> {
    find_program(name)
        .map(drop)
        .ok_or_else(|| format!("{name} is not installed"))
}

/// Whether a command can be run and succeeds.
fn runs(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|cause| format!("{program} cannot be run: {cause}"))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stderr = stderr.trim().replace('\n', "; ");
    Err(format!("{program} {} fails: {stderr}", arguments.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_where_it_is() {
        assert!(find_program("sh").is_some_and(|path| path.is_file()));
        assert_eq!(find_program("no-such-program"), None);
    }

    #[test]
    fn a_command_that_fails_is_a_reason() {
        assert_eq!(runs("sh", &["-c", "exit 0"]), Ok(()));
        let reason = runs("sh", &["-c", "echo no luck >&2; exit 3"]).unwrap_err();
        assert!(reason.ends_with("fails: no luck"), "{reason}");
        assert!(
            runs("no-such-program", &[])
                .unwrap_err()
                .contains("cannot be run")
        );
    }
}
