//! Which kernels a test can ask here: this machine's own, and those that guests boot.
//! One place decides, so that every test gives the same reason where one is missing.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The images that guests boot, separated by commas. A file is named like its kernel,
/// as `verify` wants it: `/some/folder/6.1`.
const IMAGES: &str = "EBPF_TEST_KERNELS";

/// The kernels that guests boot in tests.
const GUESTS: [&str; 4] = ["5.10", "6.1", "6.12", "7.3"];

/// Kernels that can be asked, at least one.
#[derive(Debug)]
pub(crate) struct Kernels {
    /// `host`, or the path of an image.
    names: Vec<String>,
}

impl Kernels {
    /// All that there are.
    ///
    /// # Errors
    /// The reason why there is none.
    pub(crate) fn at_hand() -> Result<Self, String> {
        let mut names = Vec::new();
        let mut reasons = Vec::new();
        match guests() {
            Ok(images) => names.extend(images),
            Err(reason) => reasons.push(reason),
        }
        match lacks_rights() {
            None => names.push("host".to_owned()),
            Some(reason) => reasons.push(reason),
        }
        if names.is_empty() {
            return Err(reasons.join("; "));
        }
        Ok(Self { names })
    }

    /// What `verify --kernel` is given.
    pub(crate) fn list(&self) -> String {
        self.names.join(",")
    }
}

/// The images of the guests' kernels.
fn guests() -> Result<Vec<String>, String> {
    let qemu = "qemu-system-x86_64";
    let folders = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&folders).any(|folder| folder.join(qemu).is_file()) {
        return Err(format!(
            "no {qemu} on PATH; needed first: cargo ebpf setup --vm"
        ));
    }
    let images: Vec<String> = env::var(IMAGES)
        .unwrap_or_default()
        .split(',')
        .map(PathBuf::from)
        .filter(|path| is_wanted(path))
        .map(|path| path.display().to_string())
        .collect();
    if images.is_empty() {
        return Err(format!(
            "no kernel images: {IMAGES} names none of {}",
            GUESTS.join(", ")
        ));
    }
    Ok(images)
}

fn is_wanted(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    path.is_file() && name.is_some_and(|name| GUESTS.contains(&name))
}

/// Why this process cannot load programs into the running kernel, if it cannot.
fn lacks_rights() -> Option<String> {
    const SYS_ADMIN: u32 = 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0);
    (effective >> SYS_ADMIN & 1 == 0)
        .then(|| "loading BPF programs needs CAP_SYS_ADMIN; run as root".to_owned())
}
