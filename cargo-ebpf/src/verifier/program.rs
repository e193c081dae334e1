//! Loads one program through the verifier, once for the figures, and where it is
//! refused once more for the whole story. It is unloaded when its descriptor is dropped.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use ebpf_diagnosis::verifier_log::{
    statistics::{Statistics, is_silent},
    visits::Visits,
};

use super::{
    features,
    syscall::{self, LogBuffer, ProgramLoad},
};

/// Log levels of BPF_PROG_LOAD (include/linux/bpf_verifier.h): each instruction with
/// the registers it changes, and the figures at the end. Errors come with both.
const LEVEL_STEPS: u32 = 1;
const LEVEL_STATISTICS: u32 = 4;

/// As above, and nothing is taken back where a path ends well.
const LEVEL_ALL_STEPS: u32 = 2;

/// The figures, and an error, need little.
const SMALL: usize = 64 << 10;
/// The largest log that every kernel takes: up to 5.13 a size is refused that does
/// not fit into 24 bits.
const LARGEST: usize = (16 << 20) - 1;

/// All steps need much: some 80 bytes each.
const LARGE: usize = 4 << 20;
/// For the million steps that the verifier takes at most. Kernels from 6.4 on take it,
/// and say how much they need; the guest has to have it, too.
const LARGEST_OF_ALL_STEPS: usize = 160 << 20;

/// What the kernel made of a program.
#[derive(Debug)]
pub(super) enum Answer {
    /// Loaded, as long as the descriptor lives.
    Accepted {
        program: OwnedFd,
        statistics: Statistics,
    },
    /// Refused by the verifier, which says why in its log.
    Refused {
        error: io::Error,
        log: String,
        truncated: bool,
        statistics: Statistics,
    },
    /// Refused with nothing said: not because of what the program does.
    Silent {
        error: io::Error,
        /// Whether the smallest program of the same kind is refused just so.
        whole_kind: bool,
    },
}

/// Gives the program to the kernel. What it decides is given to `decided` before it is asked
/// again, for all steps of a rejection: that may take long.
pub(super) fn load(
    load: &ProgramLoad<'_>,
    decided: impl FnOnce(&io::Error, &str, &Statistics),
) -> Answer {
    let first = attempt(load, LEVEL_STATISTICS, SMALL);
    let statistics = Statistics::of(&first.log);
    let error = match first.result {
        Ok(program) => {
            return Answer::Accepted {
                statistics: with_code_size(statistics, &program),
                program,
            };
        }
        Err(error) => error,
    };
    if is_silent(&first.log) {
        let whole_kind = refuses_smallest(load);
        return Answer::Silent { error, whole_kind };
    }
    decided(&error, &first.log, &statistics);
    let full = attempt(load, LEVEL_STEPS | LEVEL_STATISTICS, SMALL);
    // Where not even the largest buffer holds all steps, kernels before 6.4 keep only
    // the beginning: the reason, before the figures, is in the short log alone.
    let figures = Statistics::of(&full.log);
    let log = if full.truncated && figures.processed_instructions.is_none() {
        full.log + "\n" + &first.log
    } else {
        full.log
    };
    Answer::Refused {
        error,
        log,
        truncated: full.truncated,
        statistics,
    }
}

/// Which instructions the verifier goes through how often.
pub(super) fn visits(load: &ProgramLoad<'_>) -> Visits {
    let attempt = attempt_within(load, LEVEL_ALL_STEPS, LARGE, LARGEST_OF_ALL_STEPS);
    Visits::of(&attempt.log, load.instructions.len(), attempt.truncated)
}

struct Attempt {
    result: io::Result<OwnedFd>,
    log: String,
    truncated: bool,
}

/// Loads with a log that grows until all of it fits, or it is as large as may be.
fn attempt(load: &ProgramLoad<'_>, level: u32, size: usize) -> Attempt {
    attempt_within(load, level, size, LARGEST)
}

fn attempt_within(load: &ProgramLoad<'_>, level: u32, size: usize, largest: usize) -> Attempt {
    let mut bytes = vec![0; size];
    loop {
        let mut buffer = LogBuffer {
            level,
            bytes: &mut bytes,
            true_size: 0,
        };
        let result = syscall::prog_load(load, &mut buffer);
        let true_size = buffer.true_size as usize;
        // ENOSPC stands for a log that did not fit, also where all else was well.
        let truncated = matches!(&result, Err(error) if error.raw_os_error() == Some(libc::ENOSPC));
        // Only a kernel that says how much it needs takes more than 24 bits of size.
        let largest = if true_size > 0 { largest } else { LARGEST };
        if truncated && bytes.len() < largest {
            let wanted = if true_size > bytes.len() {
                true_size
            } else {
                bytes.len() * 8
            };
            bytes = vec![0; wanted.min(largest)];
            continue;
        }
        let end = bytes
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(bytes.len());
        bytes.truncate(end);
        let log = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        return Attempt {
            result,
            log,
            truncated,
        };
    }
}

fn with_code_size(mut statistics: Statistics, program: &OwnedFd) -> Statistics {
    if let Ok(info) = syscall::prog_info(program.as_fd()) {
        // 0: no JIT, or a kernel that does not show it to this process.
        statistics.jit_bytes = Some(info.jited_prog_len).filter(|&bytes| bytes > 0);
        // From Linux 5.16 on.
        statistics.processed_instructions = statistics
            .processed_instructions
            .or_else(|| Some(u64::from(info.verified_insns)).filter(|&count| count > 0));
    }
    statistics
}

/// Whether the kernel has no place for this kind of program at all.
fn refuses_smallest(load: &ProgramLoad<'_>) -> bool {
    let code = features::smallest_program();
    let smallest = ProgramLoad {
        instructions: &code,
        types: None,
        ..load.clone()
    };
    let attempt = attempt(&smallest, LEVEL_STEPS, SMALL);
    attempt.result.is_err() && is_silent(&attempt.log)
}
