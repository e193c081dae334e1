//! What a `rustc` says of itself.

use std::path::{Path, PathBuf};

use ebpf_base::child;

use crate::{
    Code, Error, Result,
    command::{isolated, spawn_error},
};

/// A version of Rust as `release` in `rustc -vV` gives it: the patch number does
/// not matter here, as library sources carry stability marks by minor version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RustVersion {
    /// 1, so far.
    pub major: u32,
    /// Raised every six weeks.
    pub minor: u32,
}

impl RustVersion {
    /// Reads "1.97.0-nightly", "1.96.0" or "1.96".
    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['.', '-', '+']);
        Some(Self {
            major: numbers.next()?.parse().ok()?,
            minor: numbers.next()?.parse().ok()?,
        })
    }
}

impl std::fmt::Display for RustVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What `rustc -vV` and `rustc --print sysroot` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) release: String,
    pub(super) version: RustVersion,
    pub(super) host: String,
    pub(super) llvm: String,
    pub(super) sysroot: PathBuf,
}

/// Asks the compiler at `rustc`.
pub(super) fn identify(rustc: &Path) -> Result<Identity> {
    let version = ask(rustc, &["-vV"])?;
    let sysroot = ask(rustc, &["--print", "sysroot"])?;
    parse(&version, &sysroot).ok_or_else(|| {
        Error::new(
            Code::RustcUnknown,
            format!("{} is not a usable rustc", rustc.display()),
        )
        .because("`-vV` printed no release, host and LLVM version")
    })
}

fn ask(rustc: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = isolated(rustc);
    command.args(arguments);
    let output = child::output(&mut command).map_err(|cause| spawn_error(&command, &cause))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Error::new(
            Code::RustcFailed,
            format!("{} does not run", rustc.display()),
        )
        .because(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

fn parse(version: &str, sysroot: &str) -> Option<Identity> {
    let field = |name: &str| {
        version
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::to_owned)
    };
    let release = field("release")?;
    Some(Identity {
        version: RustVersion::parse(&release)?,
        release,
        host: field("host")?,
        llvm: field("LLVM version")?,
        sysroot: Some(sysroot.trim()).filter(|path| !path.is_empty())?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIGHTLY: &str = "rustc 1.97.0-nightly (e50aa6fba 2026-05-19)\nbinary: rustc\n\
        host: x86_64-unknown-linux-gnu\nrelease: 1.97.0-nightly\nLLVM version: 22.1.4\n";

    #[test]
    fn reads_a_nightly() {
        let identity = parse(NIGHTLY, "/opt/rust\n").unwrap();
        assert_eq!(
            identity.version,
            RustVersion {
                major: 1,
                minor: 97
            }
        );
        assert_eq!(identity.llvm, "22.1.4");
        assert_eq!(identity.sysroot, PathBuf::from("/opt/rust"));
    }

    #[test]
    fn refuses_what_is_no_rustc() {
        assert_eq!(parse("gcc 12.2.0\n", "/"), None);
        assert_eq!(parse(NIGHTLY, "\n"), None);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(RustVersion::parse("1.100.0") > RustVersion::parse("1.96.0"));
        assert_eq!(RustVersion::parse("nightly"), None);
    }
}
