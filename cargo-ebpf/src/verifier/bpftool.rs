//! Has bpftool load an object: proof that libbpf, which the C world loads with,
//! takes it as well.

use std::{
    env,
    ffi::CStr,
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use ebpf_base::{child, find_program_in, untrusted};
use ebpf_build::{Error, Result};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    thread::{UnshareFlags, unshare_unsafe},
};
use serde::Serialize;

use crate::{code::Code, host::invocation::as_root};

/// What libbpf said to an object.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Answer {
    /// Whether it loaded every program.
    pub accepted: bool,
    /// What bpftool wrote to stderr, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// Where a bpf file system belongs. bpftool pins what it loads, so there has to be
/// one; ours covers this place in a mount namespace of bpftool's own, which the kernel
/// takes down with the process, however it ends. Nothing stays pinned or mounted.
const BPFFS: &CStr = c"/sys/fs/bpf";
const PINS: &str = "/sys/fs/bpf/cargo-ebpf";

/// A bpftool that was found on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Bpftool(PathBuf);

impl Bpftool {
    /// Looks for bpftool on PATH, and where distributions put it outside of a user's.
    ///
    /// # Errors
    /// When it is not installed.
    pub(crate) fn find() -> Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
        find_program_in("bpftool", env::split_paths(&path).chain(system))
            .map(Self)
            .ok_or_else(|| {
                Error::new(
                    Code::NoBpftool,
                    "bpftool is not installed, and --bpftool needs it",
                )
                .fix("sudo apt-get install bpftool")
            })
    }

    /// Loads every program of `object`, and lets go of them.
    ///
    /// # Errors
    /// When bpftool could not be run, for want of rights or memory. That it refuses
    /// the object is an answer.
    pub(crate) fn load_all(&self, object: &Path) -> Result<Answer> {
        let mut command = Command::new(&self.0);
        command
            .args(["prog", "loadall"])
            .arg(object)
            .arg(PINS)
            .stdin(Stdio::null());
        // SAFETY: between fork and exec only system calls are made, with constants.
        unsafe { command.pre_exec(cover_bpffs) };
        let output = child::output(&mut command).map_err(|cause| {
            let error = Error::new(
                ebpf_build::Code::Spawn,
                format!("failed to spawn {command:?}"),
            )
            .because(cause.to_string());
            if cause.kind() == io::ErrorKind::PermissionDenied {
                error.fix(as_root())
            } else {
                error
            }
        })?;
        let accepted = output.status.success();
        let said = String::from_utf8_lossy(&output.stderr);
        let said = untrusted::lines(said.trim());
        Ok(Answer {
            accepted,
            said: (!accepted).then_some(said.into_owned()),
        })
    }
}

/// Gives the process its own mounts, and a fresh bpf file system among them.
fn cover_bpffs() -> io::Result<()> {
    // SAFETY: the flag does not unshare the table of file descriptors, so they stay valid.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }?;
    // What is mounted from here on is not to show outside.
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change(c"/", private)?;
    mount(c"bpf", BPFFS, c"bpf", MountFlags::empty(), None)?;
    Ok(())
}
