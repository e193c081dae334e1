//! A made-up Debian archive on this disk, and a machine whose apt sources name it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sha2::{Digest as _, Sha256};
use test_support::kernel_package;

/// Every suite that kernels are taken from, with the folder of its archive.
const SUITES: [(&str, &str); 8] = [
    ("debian", "bullseye"),
    ("debian-security", "bullseye-security"),
    ("debian", "bookworm"),
    ("debian-security", "bookworm-security"),
    ("debian", "trixie"),
    ("debian-security", "trixie-security"),
    ("debian", "trixie-backports"),
    ("debian", "sid"),
];

pub(crate) struct Machine {
    folder: tempfile::TempDir,
    /// The stanzas of each suite.
    packages: BTreeMap<&'static str, String>,
}

impl Machine {
    /// With an archive that has Linux 5.10, 6.1 (an old and a new one) and 7.3.
    pub(crate) fn new() -> Self {
        let mut machine = Self {
            folder: tempfile::tempdir().unwrap(),
            packages: BTreeMap::new(),
        };
        open_to_all(machine.folder.path());
        // Not every user may enter the folder where cargo put it.
        fs::copy(env!("CARGO_BIN_EXE_cargo-ebpf"), machine.path("cargo-ebpf")).unwrap();
        fs::create_dir(machine.path("cache")).unwrap();
        machine.kernel(
            "bullseye",
            "linux-image-5.10.0-46-cloud-amd64",
            "5.10.262-1",
        );
        machine.kernel("bookworm", "linux-image-6.1.0-50-cloud-amd64", "6.1.176-1");
        machine.kernel(
            "bookworm-security",
            "linux-image-6.1.0-56-cloud-amd64",
            "6.1.192-2",
        );
        machine.kernel(
            "trixie-backports",
            "linux-binary-7.3.4+deb13-cloud-amd64",
            "7.3.4-1~bpo13+1",
        );
        machine.publish();
        machine
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// A package with an image where that layout has it.
    pub(crate) fn kernel(&mut self, suite: &'static str, package: &str, version: &str) {
        let release = package.splitn(3, '-').nth(2).unwrap();
        let member = if suite == "trixie-backports" {
            format!("./usr/lib/modules/{release}/vmlinuz")
        } else {
            format!("./boot/vmlinuz-{release}")
        };
        let image = kernel_package::boot_image(release);
        self.package(
            suite,
            package,
            version,
            &kernel_package::package(&[(&member, &image)]),
        );
    }

    /// A package with this content. It is in the archive once that is published.
    pub(crate) fn package(
        &mut self,
        suite: &'static str,
        package: &str,
        version: &str,
        deb: &[u8],
    ) {
        let pool = format!("pool/{package}_{version}_amd64.deb");
        write(&self.path(archive(suite)).join(&pool), deb);
        *self.packages.entry(suite).or_default() += &format!(
            "Package: {package}\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody\n\
             Filename: {pool}\nSize: {}\nSHA256: {}\nDescription: Linux\n\n",
            deb.len(),
            hash(deb)
        );
    }

    /// Writes the lists of all suites, and the machine's sources.
    pub(crate) fn publish(&self) {
        for (archive, suite) in SUITES {
            let dists = self.path(archive).join("dists").join(suite);
            let list = self.packages.get(suite).cloned().unwrap_or_default();
            write(&dists.join("main/binary-amd64/Packages"), list.as_bytes());
            let release = format!(
                "Origin: Debian\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\n\
                 Components: main\nDate: Sun, 01 Nov 2026 00:00:00 UTC\n\
                 SHA256:\n {} {} main/binary-amd64/Packages\n",
                hash(list.as_bytes()),
                list.len()
            );
            write(&dists.join("Release"), release.as_bytes());
        }
        // There is no key to sign with on a machine: only here is that switched off.
        let sources = format!(
            "deb [trusted=yes] file:{0}/debian bookworm main\n\
             deb [trusted=yes] file:{0}/debian-security bookworm-security main\n",
            self.folder.path().display()
        );
        write(&self.path("machine.list"), sources.as_bytes());
        let settings = format!(
            "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"-\";\n",
            self.path("machine.list").display()
        );
        write(&self.path("apt.conf"), settings.as_bytes());
    }

    /// `cargo ebpf kernels` with the machine's apt, in a cache of its own.
    pub(crate) fn kernels(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.path("cargo-ebpf"));
        self.settle(&mut command);
        command.arg("kernels").args(arguments);
        command
    }

    pub(crate) fn settle(&self, command: &mut Command) {
        command
            .env("APT_CONFIG", self.path("apt.conf"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env_remove("CARGO_EBPF_DEBIAN_MIRROR")
            .current_dir(self.folder.path());
    }

    /// The names of what is in a folder of the cache.
    pub(crate) fn cached(&self, folder: &str) -> Vec<String> {
        let folder = self.path("cache/cargo-ebpf/kernels").join(folder);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The archive is out of reach from now on.
    pub(crate) fn cut_off(&self) {
        for archive in ["debian", "debian-security"] {
            fs::rename(self.path(archive), self.path(&format!("{archive}-gone"))).unwrap();
        }
    }
}

fn archive(suite: &str) -> &'static str {
    if suite.ends_with("-security") {
        "debian-security"
    } else {
        "debian"
    }
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn hash(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(crate) fn open_to_all(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
