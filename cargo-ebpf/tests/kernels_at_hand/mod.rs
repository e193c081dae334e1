//! Which kernels a test can ask here: this machine's own, and those that guests boot.
//! One place decides, so that every test gives the same reason where one is missing.
//! Nothing is fetched: that is `cargo ebpf kernels --fetch` for.

use std::{env, fs, process::Command};

use serde_json::Value;

/// The kernels that guests boot in tests, as `--kernel` names them.
pub(crate) const GUESTS: [&str; 4] = ["5.10", "6.1", "6.12", "7.3"];

/// Kernels that can be asked, at least one.
#[derive(Debug)]
pub(crate) struct Kernels {
    names: Vec<&'static str>,
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
            Ok(()) => names.extend(GUESTS),
            Err(reason) => reasons.push(reason),
        }
        match lacks_rights() {
            None => names.push("host"),
            Some(reason) => reasons.push(reason),
        }
        if names.is_empty() {
            return Err(reasons.join("; "));
        }
        Ok(Self { names })
    }

    /// What `--kernel` is given.
    pub(crate) fn list(&self) -> String {
        self.names.join(",")
    }
}

/// Whether all of [`GUESTS`] can be booted.
///
/// # Errors
/// The reason why not.
pub(crate) fn guests() -> Result<(), String> {
    let qemu = "qemu-system-x86_64";
    let folders = env::var_os("PATH").unwrap_or_default();
    if !env::split_paths(&folders).any(|folder| folder.join(qemu).is_file()) {
        return Err(format!(
            "no {qemu} on PATH; needed first: cargo ebpf setup --vm"
        ));
    }
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"))
        .args(["kernels", "--format", "json"])
        .output()
        .map_err(|cause| cause.to_string())?;
    let known: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let is_cached = |label: &str| {
        let kernels = known["kernels"].as_array().into_iter().flatten();
        let mut same = kernels.filter(|kernel| kernel["label"] == label);
        same.any(|kernel| kernel["cached"].is_object())
    };
    match GUESTS.iter().find(|label| !is_cached(label)) {
        None => Ok(()),
        Some(label) => Err(format!(
            "Linux {label} is not cached; needed first: cargo ebpf kernels --fetch {}",
            GUESTS.join(",")
        )),
    }
}

/// Why this process cannot load programs into the running kernel, if it cannot.
pub(crate) fn lacks_rights() -> Option<String> {
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
