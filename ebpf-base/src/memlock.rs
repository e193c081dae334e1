//! The limit on locked memory (`RLIMIT_MEMLOCK`), usually 64 KiB or 8 MiB.

use std::io;

/// Lifts the limit for this process. Kernels before 5.11 charge BPF maps and programs to it,
/// later ones to the memory cgroup.
///
/// # Errors
/// When this process lacks CAP_SYS_RESOURCE.
pub fn lift() -> io::Result<()> {
    let unlimited = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: setrlimit reads the struct for the time of the call.
    match unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const unlimited) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
