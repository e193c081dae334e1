//! The system call `bpf`, for what aya 0.14 has no function for.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd},
};

use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_prog_info, bpf_stats_type};

/// A `bpf_attr` of zeros, to be filled in.
pub(super) fn zeroed() -> bpf_attr {
    // SAFETY: plain data, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

/// Calls `bpf`.
///
/// # Safety
///
/// Each pointer in `attr` must be one that `cmd` may use as it says it does.
pub(super) unsafe fn bpf(cmd: bpf_cmd, attr: &mut bpf_attr) -> io::Result<i64> {
    // SAFETY: the kernel reads and writes `attr`, of the size that it is told; for what is
    // behind its pointers the caller answers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            cmd as libc::c_long,
            std::ptr::from_mut(attr),
            size_of::<bpf_attr>(),
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// What the kernel tells of a program.
pub(super) fn program_info(fd: i32) -> io::Result<bpf_prog_info> {
    // SAFETY: plain data, for which zero is a value.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attr = zeroed();
    attr.info.bpf_fd = fd.cast_unsigned();
    attr.info.info_len = size_of::<bpf_prog_info>() as u32;
    attr.info.info = (&raw mut info).expose_provenance() as u64;
    // SAFETY: at most `info_len` bytes are written to `info`, which outlives the call.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut attr) }?;
    Ok(info)
}

/// Has the kernel time all its programs for as long as the descriptor is open.
pub(crate) fn enable_run_time_statistics() -> io::Result<OwnedFd> {
    let mut attr = zeroed();
    attr.enable_stats.type_ = bpf_stats_type::BPF_STATS_RUN_TIME as u32;
    // SAFETY: there is no pointer in it.
    let fd = unsafe { bpf(bpf_cmd::BPF_ENABLE_STATS, &mut attr) }?;
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: just opened, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
