//! A private apt: the system's program, its proxies and its keys, with lists and sources in
//! the cache directory. It needs no privileges, and changes nothing of the system's apt.
//!
//! apt checks signatures as always. How old a suite's list may be is left to the system's
//! settings: the lists of archived suites do not expire.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ebpf_base::{Error, Result, child::ending, find_program, untrusted, write_atomically};

use super::{
    available::{AvailablePackage, Catalogue},
    sources::{self, MIRROR},
};
use crate::{Architecture, code::Code, process::Spawn};

/// Read after the system's settings, with the architecture's name for `{}`.
const SETTINGS: &str = "\
// The machine's hooks are for its own lists, and most need root.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
// Packages of the one architecture, whatever the machine's is.
#clear APT::Architectures;
APT::Architecture \"{}\";
APT::Architectures { \"{}\"; };
// The user _apt cannot write to this directory.
APT::Sandbox::User \"\";
// Some machines switch it off. It is what makes apt-cache fast.
Dir::Cache::pkgcache \"pkgcache.bin\";
Dir::Cache::srcpkgcache \"\";
Acquire::Languages \"none\";
// apt exits with an error if a list could not be fetched.
APT::Update::Error-Mode \"any\";
// Give up after 20 seconds, such as if a firewall drops packets.
Acquire::Retries \"1\";
Acquire::http::Timeout \"20\";
Acquire::https::Timeout \"20\";
";

/// apt with its own directory, for one architecture.
#[derive(Debug)]
pub(super) struct Apt<'a> {
    architecture: Architecture,
    directory: PathBuf,
    spawn: &'a dyn Spawn,
}

impl<'a> Apt<'a> {
    /// In `directory`, which exists.
    ///
    /// # Errors
    /// When there is no apt, no Debian mirror is known, or the directory cannot be written.
    pub(super) fn new(
        architecture: Architecture,
        directory: PathBuf,
        spawn: &'a dyn Spawn,
    ) -> Result<Self> {
        if find_program("apt-get").is_none() {
            return Err(Error::new(
                Code::AptMissing,
                "apt, which downloads kernel images from the Debian archive, is not installed",
            )
            .fix(
                "install apt (most distributions package it), or pass the path of a kernel \
                 image: /boot/vmlinuz-VERSION",
            ));
        }
        let apt = Self {
            architecture,
            directory,
            spawn,
        };
        for part in ["lists/partial", "cache/archives/partial"] {
            let part = apt.directory.join(part);
            fs::create_dir_all(&part).map_err(|cause| Error::io("make", &part, &cause))?;
        }
        write_if_new(&apt.directory.join("status"), "")?;
        let settings = SETTINGS.replace("{}", architecture.debian());
        write_if_new(&apt.settings(), &settings)?;
        let (list, parts) = apt.system_sources()?;
        let sources = sources::ours(architecture, &list, &parts)?;
        write_if_new(&apt.sources(), &sources)?;
        Ok(apt)
    }

    /// Fetches the lists of every suite. Those that cannot be fetched stay as they are;
    /// the error is then in the result.
    ///
    /// # Errors
    /// When none could be fetched.
    pub(super) fn update(&self) -> Result<Option<Error>> {
        let mut command = self.command("apt-get");
        command.arg("update");
        let output = self.spawn.output(command)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let failed = |line: &str| line.starts_with("E: ") || line.starts_with("W: Failed to fetch");
        if output.status.success() && !said.lines().any(failed) {
            return Ok(None);
        }
        let error = complaint("apt-get update", &output);
        if reached(&String::from_utf8_lossy(&output.stdout)) {
            Ok(Some(error))
        } else {
            Err(error)
        }
    }

    /// The kernels in the lists.
    ///
    /// # Errors
    /// When apt cannot read them.
    pub(super) fn catalogue(&self) -> Result<Catalogue> {
        let all = self.ask(&["pkgnames", "linux-"])?;
        let names = Catalogue::names(&all, self.architecture);
        if names.is_empty() {
            return Ok(Catalogue::default());
        }
        let about = |what| {
            let arguments: Vec<&str> = std::iter::once(what).chain(names.iter().copied()).collect();
            self.ask(&arguments)
        };
        Ok(Catalogue::read(&about("show")?, &about("madison")?))
    }

    /// Fetches the package of `available` into `to`; apt compares its hash with the lists'.
    ///
    /// # Errors
    /// When it cannot be fetched ([`Code::PackageAbsent`] if the archive does not have it), or has
    /// another hash.
    pub(super) fn download(&self, available: &AvailablePackage, to: &Path) -> Result<PathBuf> {
        let what = format!("{}={}", available.package, available.version);
        self.fetch(&what, to)
    }

    /// Fetches what apt would install as `what`, a package with or without a version, into `to`,
    /// a directory without packages; apt compares its hash with the lists'.
    ///
    /// # Errors
    /// When it cannot be fetched ([`Code::PackageAbsent`] if the archive does not have it), or has
    /// another hash.
    pub(super) fn fetch(&self, what: &str, to: &Path) -> Result<PathBuf> {
        let mut command = self.command("apt-get");
        command.args(["download", what]).current_dir(to);
        let output = self.spawn.output(command)?;
        if !output.status.success() {
            return Err(not_downloaded(what, &output));
        }
        let files = fs::read_dir(to).map_err(|cause| Error::io("read", to, &cause))?;
        let package = files
            .flatten()
            .map(|entry| entry.path())
            .find(|file| file.extension() == Some("deb".as_ref()));
        package.ok_or_else(|| complaint(&format!("apt-get download {what}"), &output))
    }

    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.command("apt-cache");
        command.args(arguments);
        let output = self.spawn.output(command)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let what = arguments.first().copied().unwrap_or_default();
        Err(complaint(&format!("apt-cache {what}"), &output))
    }

    fn command(&self, program: &str) -> Command {
        let option = |name: &str, path: &Path| format!("{name}={}", path.display());
        let mut command = Command::new(program);
        command
            .env("LC_ALL", "C.UTF-8")
            .arg("-c")
            .arg(self.settings())
            .args([
                "-o",
                &option("Dir::State", &self.directory),
                "-o",
                &option("Dir::State::lists", &self.directory.join("lists")),
                "-o",
                &option("Dir::State::status", &self.directory.join("status")),
                "-o",
                &option("Dir::Cache", &self.directory.join("cache")),
                "-o",
                &option("Dir::Etc::sourcelist", &self.sources()),
                "-o",
                "Dir::Etc::sourceparts=-",
            ]);
        command
    }

    /// The file and the directory of the system's sources.
    fn system_sources(&self) -> Result<(PathBuf, PathBuf)> {
        let mut command = Command::new("apt-config");
        command.args([
            "shell",
            "LIST",
            "Dir::Etc::sourcelist/f",
            "PARTS",
            "Dir::Etc::sourceparts/d",
        ]);
        let output = self.spawn.output(command)?;
        if !output.status.success() {
            return Err(complaint("apt-config shell", &output));
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        let value = |name: &str| {
            let quoted = printed.lines().find_map(|line| line.strip_prefix(name))?;
            let word = quoted.strip_prefix("='")?.strip_suffix('\'')?;
            Some(PathBuf::from(word.replace(r"'\''", "'")))
        };
        // An empty name is one that is not set: there is no such file.
        Ok((
            value("LIST").unwrap_or_default(),
            value("PARTS").unwrap_or_default(),
        ))
    }

    fn settings(&self) -> PathBuf {
        self.directory.join("apt.conf")
    }

    /// apt recognises the format by the extension.
    fn sources(&self) -> PathBuf {
        self.directory.join("debian.sources")
    }
}

/// If a file is newer than apt's cache, apt spends 3 s on a new one.
fn write_if_new(path: &Path, content: &str) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content.as_bytes()) {
        return Ok(());
    }
    write_atomically(path, content.as_bytes())
}

/// Whether anything could be fetched: `Get:3 ...` or `Hit:3 ...`, and no `Ign:3` or `Err:3`.
fn reached(said: &str) -> bool {
    let numbers = |words: [&str; 2]| -> HashSet<&str> {
        let number = |line| {
            let (word, rest) = str::split_once(line, ':')?;
            words.contains(&word).then(|| rest.split(' ').next())?
        };
        said.lines().filter_map(number).collect()
    };
    !numbers(["Get", "Hit"]).is_subset(&numbers(["Ign", "Err"]))
}

/// What apt's messages mean, the most specific first: phrases, code, fix.
const MEANINGS: [(&[&str], Code, &str); 3] = [
    (
        &[
            "No space left on device",
            "Disk quota exceeded",
            "don't have enough free space",
        ],
        Code::DiskFull,
        "free 300 MB on the disk of the cache directory, then run the same command again",
    ),
    (
        &[
            "NO_PUBKEY",
            "is not signed",
            "GPG error",
            "sqv returned an error",
        ],
        Code::KernelsUnsigned,
        "install Debian's keys (Debian, Ubuntu: apt-get install debian-archive-keyring), then run the same command again",
    ),
    (
        &[
            "Could not resolve",
            "Temporary failure",
            "Could not connect",
            "Unable to connect",
            "Cannot initiate",
            "Connection",
            "timed out",
            "Network is unreachable",
            "Failed to fetch",
            "does not have a Release file",
            "no longer has a Release file",
        ],
        Code::NoNetwork,
        "check the network and the mirror in this machine's apt sources, then run the same command again",
    ),
];

/// How apt reports that the archive does not have a file: of HTTP, and of a directory.
const ABSENT: [&str; 3] = ["  404  ", "  410  ", "  File not found - "];

/// Why the package `what`, which is in the lists, could not be downloaded.
fn not_downloaded(what: &str, output: &Output) -> Error {
    let error = complaint(&format!("apt-get download {what}"), output);
    let said = String::from_utf8_lossy(&output.stderr);
    let is_absent = ABSENT.iter().any(|words| said.contains(words));
    if !is_absent || error.code() != Code::NoNetwork.as_str() {
        return error;
    }
    let absent = Error::new(
        Code::PackageAbsent,
        format!("the Debian archive lists {what}, but does not have the package"),
    )
    .fix(format!(
        "set {MIRROR} to the URL of another mirror, then run the same command again"
    ));
    match &error.finding().cause {
        Some(cause) => absent.because(cause),
        None => absent,
    }
}

fn complaint(what: &str, output: &Output) -> Error {
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said
        .lines()
        .find(|line| line.starts_with("E: "))
        .or_else(|| said.lines().find(|line| line.starts_with("W: ")))
        .unwrap_or_else(|| said.trim());
    let cause = match first.trim_start_matches("E: ").trim_start_matches("W: ") {
        "" => ending(output.status),
        first => untrusted::line(first).into_owned(),
    };
    let meaning = MEANINGS
        .iter()
        .find(|(words, _, _)| words.iter().any(|words| said.contains(words)));
    match meaning {
        Some((_, code, fix)) => Error::new(*code, format!("`{what}` failed"))
            .because(cause)
            .fix(*fix),
        None => Error::new(Code::AptFailed, format!("`{what}` failed"))
            .because(cause)
            .fix("check apt's configuration (apt-config dump), then run the same command again"),
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

    use super::*;

    fn output(stderr: &str) -> Output {
        Output {
            status: ExitStatus::from_raw(100 << 8),
            stdout: Vec::new(),
            stderr: stderr.as_bytes().to_vec(),
        }
    }

    fn said(stderr: &str) -> Error {
        complaint("apt-get update", &output(stderr))
    }

    #[test]
    fn an_attempt_is_no_success() {
        let get = "Get:1 file:/x sid InRelease\n";
        assert!(reached(get) && reached("Hit:2 x\nErr:3 y\n"));
        assert!(!reached(&format!("{get}Ign:1 file:/x sid InRelease\n")));
        assert!(!reached("Ign:1 x\nErr:1 x\n  Get it\n"));
        assert!(!reached(""));
    }

    #[test]
    fn what_apt_says_is_told_apart() {
        for (words, code) in [
            (
                "E: Failed to fetch http://m.example/x  Temporary failure resolving 'm.example'\n",
                Code::NoNetwork,
            ),
            (
                "W: x\nE: Write error - write (28: No space left on device)\n",
                Code::DiskFull,
            ),
            (
                "W: GPG error: http://m.example sid InRelease: NO_PUBKEY 0123\nE: The repository is not signed.\n",
                Code::KernelsUnsigned,
            ),
            ("E: Something else\n", Code::AptFailed),
            ("", Code::AptFailed),
        ] {
            assert_eq!(said(words).code(), code.as_str(), "{words}");
        }
        assert_eq!(
            said("W: a\nE: b\u{1b}[1m\nE: c\n")
                .finding()
                .cause
                .as_deref(),
            Some("b\\u{1b}[1m")
        );
        assert_eq!(said("").finding().cause.as_deref(), Some("exit code 100"));
    }

    #[test]
    fn a_package_that_is_absent_is_not_a_lost_network() {
        for (words, code) in [
            (
                "E: Failed to fetch http://m.example/x.deb  404  Not Found [IP: 203.0.113.80 80]\n",
                Code::PackageAbsent,
            ),
            (
                "E: Failed to fetch file:/srv/x.deb  File not found - /srv/x.deb (2: No such file or directory)\n",
                Code::PackageAbsent,
            ),
            (
                "E: Failed to fetch http://m.example/x.deb  Could not connect to m.example:80\n",
                Code::NoNetwork,
            ),
            (
                "E: Failed to fetch x  404  Not Found\nE: Write error - write (28: No space left on device)\n",
                Code::DiskFull,
            ),
        ] {
            let error = not_downloaded("linux-image-x=6.1", &output(words));
            assert_eq!(error.code(), code.as_str(), "{words}");
        }
    }
}
