//! The bpf(2) system call.
//!
//! The attribute is whatever type the caller has for `union bpf_attr`, such as
//! `bpf_attr` of aya-obj or libbpf-sys; its size is passed with it.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
};

/// How often a call is repeated that a signal interrupted before it did anything
/// (EAGAIN): as often as libbpf does (`sys_bpf_prog_load` in tools/lib/bpf/bpf.c).
const ATTEMPTS: usize = 5;

/// Calls bpf(2). Repeats calls that fail with EAGAIN.
///
/// # Errors
/// The error of the system call.
///
/// # Safety
/// `A` must have the layout of the kernel's `union bpf_attr`, or of the beginning of
/// it that `command` uses. Every address in `attribute` that `command` reads or writes
/// must be valid for the length that the attribute has beside it.
pub unsafe fn bpf<A>(command: u32, attribute: &mut A) -> io::Result<libc::c_long> {
    let mut result = Err(io::Error::from_raw_os_error(libc::EAGAIN));
    for _ in 0..ATTEMPTS {
        // SAFETY: the attribute is as large as stated; the rest is the caller's promise.
        let value = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                command as libc::c_long,
                std::ptr::from_mut(attribute),
                size_of::<A>(),
            )
        };
        if value >= 0 {
            return Ok(value);
        }
        result = Err(io::Error::last_os_error());
        if !matches!(&result, Err(error) if error.raw_os_error() == Some(libc::EAGAIN)) {
            break;
        }
    }
    result
}

/// Calls bpf(2) with a command that returns a new descriptor.
///
/// # Errors
/// The error of the system call.
///
/// # Safety
/// As for [`bpf`]; and `command` must be one that returns a new descriptor.
pub unsafe fn bpf_descriptor<A>(command: u32, attribute: &mut A) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise.
    let value = unsafe { bpf(command, attribute) }?;
    let descriptor = RawFd::try_from(value).map_err(io::Error::other)?;
    // SAFETY: the command made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// How the kernel answers bpf(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// The system call exists and answers this process.
    Answers,
    /// It exists; this process may not use it.
    Denied,
    /// The kernel was built without it (`CONFIG_BPF_SYSCALL`).
    Missing,
}

/// Calls bpf(2) with a command that no kernel has, to see how it answers.
pub fn availability() -> Availability {
    // SAFETY: an attribute of size 0 is never read, so its address may be null.
    unsafe { libc::syscall(libc::SYS_bpf, libc::c_int::MAX, std::ptr::null::<u8>(), 0) };
    match io::Error::last_os_error().raw_os_error() {
        Some(libc::ENOSYS) => Availability::Missing,
        Some(libc::EPERM) => Availability::Denied,
        _ => Availability::Answers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_is_an_error() {
        // SAFETY: no kernel has the command, so the attribute is not used.
        let result = unsafe { bpf(libc::c_int::MAX as u32, &mut [0_u64; 1]) };
        let error = result.expect_err("no such command");
        assert!(
            [libc::EINVAL, libc::EPERM, libc::ENOSYS]
                .map(Some)
                .contains(&error.raw_os_error()),
            "{error}"
        );
    }
}
