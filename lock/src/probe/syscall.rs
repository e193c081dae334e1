//! Commands of bpf(2) that aya 0.14 has no function for.

use std::{io, os::fd::OwnedFd};

use aya_obj::generated::{bpf_attr, bpf_cmd, bpf_prog_info, bpf_stats_type};
use ebpf_base::syscall::{bpf, bpf_descriptor};

/// A `bpf_attr` of zeros, to be filled in.
pub(super) fn zeroed() -> bpf_attr {
    // SAFETY: plain data, for which zero is a value.
    unsafe { std::mem::zeroed() }
}

/// The kernel's information on a program.
pub(super) fn program_info(fd: i32) -> io::Result<bpf_prog_info> {
    // SAFETY: plain data, for which zero is a value.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut attr = zeroed();
    attr.info.bpf_fd = fd.cast_unsigned();
    attr.info.info_len = size_of::<bpf_prog_info>() as u32;
    attr.info.info = (&raw mut info).expose_provenance() as u64;
    // SAFETY: at most `info_len` bytes are written to `info`, which outlives the call.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD as u32, &mut attr) }?;
    Ok(info)
}

/// Makes the kernel time all programs for as long as the descriptor is open.
pub(crate) fn enable_run_time_statistics() -> io::Result<OwnedFd> {
    let mut attr = zeroed();
    attr.enable_stats.type_ = bpf_stats_type::BPF_STATS_RUN_TIME as u32;
    // SAFETY: the attribute has no pointer, and the command returns a new descriptor.
    unsafe { bpf_descriptor(bpf_cmd::BPF_ENABLE_STATS as u32, &mut attr) }
}
