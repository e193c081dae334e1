//! Objects that nobody here wrote, from packages of Debian and crates, got by apt and
//! cargo as any user would. Nothing of them is in this repository but where they are.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use test_support::{
    Failed,
    machine::{DEBIAN_ARCHIVE, DPKG_DEB},
    skip,
};

/// Objects of one make.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name where it comes from.
    pub(crate) name: &'static str,
    /// How it is got.
    pub(crate) from: From,
    /// The files in it that are objects, or programs that objects are embedded in.
    pub(crate) files: &'static [&'static str],
}

/// Where a package comes from.
#[derive(Debug)]
pub(crate) enum From {
    /// Debian's archive, in this version: other releases have others, with other verdicts.
    Debian(&'static str),
    /// The crates registry, in this version.
    Crates(&'static str),
}

/// By make.
#[rustfmt::skip]
pub(crate) const PACKAGES: &[Package] = &[
    // C, BTF maps, libxdp's own conventions.
    Package { name: "libxdp1", from: From::Debian("1.3.1-1"), files: &[
        "usr/lib/x86_64-linux-gnu/bpf/xdp-dispatcher.o",
        "usr/lib/x86_64-linux-gnu/bpf/xdpdump_bpf.o",
        "usr/lib/x86_64-linux-gnu/bpf/xdpfilt_alw_all.o",
        "usr/lib/x86_64-linux-gnu/bpf/xsk_def_xdp_prog.o",
    ] },
    // C, libbpf's skeletons in programs: CO-RE, CONFIG values, fentry beside kprobes.
    Package { name: "libbpf-tools", from: From::Debian("0.26.0+ds-1"), files: &[
        "usr/sbin/bindsnoop", "usr/sbin/biolatency", "usr/sbin/cpudist", "usr/sbin/execsnoop",
        "usr/sbin/offcputime", "usr/sbin/opensnoop", "usr/sbin/tcpconnect", "usr/sbin/vfsstat",
    ] },
    // C, without BTF: legacy maps in a section of v4l-utils' own loader.
    Package { name: "ir-keytable", from: From::Debian("1.22.1-5+b2"), files: &[
        "lib/udev/rc_keymaps/protocols/grundig.o",
        "lib/udev/rc_keymaps/protocols/manchester.o",
    ] },
    // C, for cilium's Go loader, by clang 9 and 14.
    Package { name: "golang-github-cilium-ebpf-dev", from: From::Debian("0.9.1-1"), files: &[
        "usr/share/gocode/src/github.com/cilium/ebpf/testdata/fwd_decl-el.elf",
        "usr/share/gocode/src/github.com/cilium/ebpf/testdata/loader-clang-14-el.elf",
        "usr/share/gocode/src/github.com/cilium/ebpf/testdata/loader-clang-9-el.elf",
        "usr/share/gocode/src/github.com/cilium/ebpf/testdata/raw_tracepoint-el.elf",
        "usr/share/gocode/src/github.com/cilium/ebpf/testdata/strings-el.elf",
    ] },
    // Aya 0.1, a uprobe.
    Package { name: "emd-ebpf", from: From::Crates("1.0.7"), files: &["assets/emd_ebpf_prebuild"] },
    // Aya 0.1, legacy maps, 14 programs, tail calls, DWARF.
    Package { name: "profile-bee", from: From::Crates("0.3.13"), files: &["ebpf-bin/profile-bee.bpf.o"] },
];

impl Package {
    /// Gets the package, and takes its objects out into `objects`, each as
    /// `<package>-<object>`. Gives their paths.
    ///
    /// # Errors
    /// When it cannot be fetched here, or has no such object.
    pub(crate) fn objects(&self, work: &Path, objects: &Path) -> Result<Vec<PathBuf>, Failed> {
        let root = match self.from {
            From::Debian(version) => {
                DEBIAN_ARCHIVE.met()?;
                DPKG_DEB.met()?;
                debian(self.name, version, work)
                    .map_err(|reason| skip(DEBIAN_ARCHIVE.name, reason))?
            }
            From::Crates(version) => {
                crates(self.name, version).map_err(|reason| skip("crates-registry", reason))?
            }
        };
        let mut found = Vec::new();
        for file in self.files {
            // Since trixie, packages have nothing outside of /usr.
            let path = [root.join(file), root.join("usr").join(file)]
                .into_iter()
                .find(|path| path.is_file())
                .ok_or_else(|| format!("{} of this release has no {file}", self.name))?;
            let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            for object in embedded(&bytes).take(1) {
                let to = objects.join(format!("{}-{stem}", self.name));
                fs::write(&to, object).map_err(|error| format!("{}: {error}", to.display()))?;
                found.push(to);
            }
        }
        Ok(found)
    }
}

/// The BPF objects in a file: itself if it is one, or those that libbpf's skeletons have
/// put into a program. bpftool writes an object's section headers last.
fn embedded(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const EM_BPF: [u8; 2] = [247, 0];
    let starts = bytes
        .windows(20)
        .enumerate()
        .filter(|(_, head)| head.starts_with(b"\x7fELF\x02\x01") && head.ends_with(&EM_BPF));
    starts.filter_map(|(start, _)| {
        let object = &bytes[start..];
        let number = |at: usize, length: usize| {
            let mut value = [0; 8];
            value[..length].copy_from_slice(object.get(at..at + length)?);
            usize::try_from(u64::from_le_bytes(value)).ok()
        };
        // Elf64_Ehdr: e_shoff, e_shentsize, e_shnum.
        object.get(..number(40, 8)? + number(58, 2)? * number(60, 2)?)
    })
}

/// Downloads and unpacks a package of Debian, as whoever runs this.
fn debian(name: &str, version: &str, work: &Path) -> Result<PathBuf, String> {
    let folder = work.join(format!("{name}-{version}"));
    let root = folder.join("root");
    if root.exists() {
        return Ok(root);
    }
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let this = format!("{name}={version}");
    run(Command::new("apt-get")
        .args(["-q", "download", &this])
        .current_dir(&folder))
    .map_err(|said| {
        format!("apt-get download {this}: {said}; where it is in the archive: apt-get update")
    })?;
    let package = fs::read_dir(&folder)
        .map_err(|error| error.to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .ok_or_else(|| format!("apt-get downloaded no {name}"))?;
    let half = folder.join("half");
    run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&half))?;
    // Whole or not at all.
    fs::rename(half, &root).map_err(|error| error.to_string())?;
    Ok(root)
}

/// Has cargo fetch a crate, and nothing that it depends on: what `cargo info` shows it
/// has unpacked before.
fn crates(name: &str, version: &str) -> Result<PathBuf, String> {
    let home = env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    );
    let sources = home.join("registry/src");
    let unpacked = || {
        let registries = fs::read_dir(&sources).into_iter().flatten().flatten();
        registries
            .map(|registry| registry.path().join(format!("{name}-{version}")))
            .find(|path| path.join("Cargo.toml").is_file())
    };
    if let Some(root) = unpacked() {
        return Ok(root);
    }
    let this = format!("{name}@{version}");
    run(Command::new("cargo").args(["info", "--quiet", &this]))
        .map_err(|said| format!("cargo info {this}: {said}"))?;
    unpacked().ok_or_else(|| {
        format!(
            "cargo info {this} unpacked nothing in {}",
            sources.display()
        )
    })
}

/// Runs a client of a registry to its end. The error is the last thing that it said.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    Err(last.unwrap_or("it said nothing").trim().to_owned())
}
