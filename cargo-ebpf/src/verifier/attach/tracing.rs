//! Programs that bpf(2) itself attaches to the kernel's tracing: raw tracepoints, BPF
//! trampolines, iterators, and many functions at once.

use std::{
    ffi::{CStr, CString},
    fs,
};

use ebpf_base::KernelVersion;
use ebpf_base::untrusted;

use super::{Attempt, Failure, Program, tracefs::Tracefs, user_function};
use crate::verifier::syscall::{self, LinkTarget};

/// When a program is called, of the time that a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Entry,
    Return,
    /// Both, with one program.
    Both,
}

impl Moment {
    /// BPF_F_KPROBE_MULTI_RETURN and BPF_F_UPROBE_MULTI_RETURN
    /// (include/uapi/linux/bpf.h).
    fn flags(self) -> u32 {
        match self {
            Self::Return => 1,
            Self::Entry | Self::Both => 0,
        }
    }
}

pub(super) fn raw_tracepoint(program: &Program<'_>) -> Attempt {
    let name = program.target_for_kernel("tracepoint")?;
    match syscall::raw_tracepoint_open(Some(&name), program.descriptor) {
        Ok(_link) => Ok(()),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Err(Failure::refused(
            error,
            format!(
                "this kernel has no tracepoint `{}`",
                untrusted::name(&name.to_string_lossy())
            ),
            "use another hook on this kernel, or a kernel that has it",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Where it attaches was said when it was loaded.
pub(super) fn as_loaded(program: &Program<'_>) -> Attempt {
    syscall::raw_tracepoint_open(None, program.descriptor)?;
    Ok(())
}

pub(super) fn iterator(program: &Program<'_>) -> Attempt {
    if matches!(
        program.target("iterator")?,
        "bpf_map_elem" | "bpf_sk_storage_map"
    ) {
        return Err(Failure::not_tried(
            "the map that it iterates over is chosen by the loader",
        ));
    }
    link(program, LinkTarget::OfProgram)
}

fn link(program: &Program<'_>, target: LinkTarget<'_>) -> Attempt {
    syscall::link_create(
        program.descriptor,
        program.hook.expected_attach_type,
        target,
    )?;
    Ok(())
}

/// Functions of the kernel: one, or all that fit a pattern.
pub(super) fn kernel_functions(program: &Program<'_>, moment: Moment) -> Attempt {
    let pattern = program.target("function")?;
    let names = if pattern.contains(['*', '?']) {
        matching(pattern)?
    } else {
        vec![program.target_for_kernel("function")?]
    };
    let names: Vec<&CStr> = names.iter().map(CString::as_c_str).collect();
    link(
        program,
        LinkTarget::Functions {
            names: &names,
            flags: moment.flags(),
        },
    )
    .map_err(|failure| match failure {
        Failure::Refused { error, .. } if error.raw_os_error() == Some(libc::ESRCH) => {
            Failure::refused(
                error,
                format!(
                    "this kernel has no function `{}` that can be traced",
                    untrusted::name(pattern)
                ),
                "see /sys/kernel/tracing/available_filter_functions for functions that can be \
                 traced",
            )
        }
        failure => program.came_with(
            KernelVersion::new(5, 18),
            "attaching to many functions at once (CONFIG_FPROBE)",
            failure,
        ),
    })
}

/// The functions that can be traced and fit `pattern`, each once.
fn matching(pattern: &str) -> Result<Vec<CString>, Failure> {
    let tracefs = Tracefs::open()?;
    let file = tracefs.path().join("available_filter_functions");
    let list = fs::read_to_string(&file).map_err(|error| {
        Failure::not_tried(format!(
            "the functions that match its pattern cannot be listed: {error} \
             (available_filter_functions of tracefs)"
        ))
    })?;
    let mut names: Vec<_> = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| fits(name.as_bytes(), pattern.as_bytes()))
        .filter_map(|name| CString::new(name).ok())
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Err(Failure::refused(
            std::io::Error::from_raw_os_error(libc::ENOENT),
            format!(
                "no function that can be traced matches `{}`",
                untrusted::name(pattern)
            ),
            "",
        ));
    }
    Ok(names)
}

/// Whether `name` is what `pattern` says, where `*` stands for anything and `?` for one
/// character.
fn fits(name: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    // Where the last star stood, and how much of the name it has taken.
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = name.get(at) {
        match pattern.get(next) {
            Some(b'*') => {
                star = Some((next, at));
                next += 1;
            }
            Some(&wanted) if wanted == byte || wanted == b'?' => {
                at += 1;
                next += 1;
            }
            _ => match &mut star {
                Some((place, taken)) => {
                    *taken += 1;
                    at = *taken;
                    next = *place + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .get(next..)
        .is_some_and(|rest| rest.iter().all(|&byte| byte == b'*'))
}

/// Functions in a file.
pub(super) fn user_functions(program: &Program<'_>, moment: Moment) -> Attempt {
    let place = user_function::of(program)?;
    link(
        program,
        LinkTarget::Places {
            path: &place.path,
            offsets: &[place.offset],
            flags: moment.flags(),
        },
    )
    .map_err(|failure| {
        program.came_with(
            KernelVersion::new(6, 6),
            "attaching to many user functions at once",
            failure,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        for (name, pattern) in [
            ("tcp_v4_connect", "tcp_*"),
            ("tcp_v4_connect", "*connect"),
            ("tcp_v4_connect", "tcp_v?_connect"),
            ("tcp_v4_connect", "*v4*"),
            ("abab", "*ab"),
            ("tcp_", "tcp_*"),
        ] {
            assert!(
                fits(name.as_bytes(), pattern.as_bytes()),
                "{name} {pattern}"
            );
        }
        for (name, pattern) in [
            ("tcp_v4_connect", "tcp"),
            ("tcp_v4_connect", "*v6*"),
            ("tcp", "tcp?"),
            ("xtcp", "tcp*"),
        ] {
            assert!(
                !fits(name.as_bytes(), pattern.as_bytes()),
                "{name} {pattern}"
            );
        }
    }
}
