//! Programs that are attached to an event of perf_event_open(2): tracepoints, probes at
//! functions of the kernel or of programs, clocks.

use std::{
    ffi::{CStr, CString},
    fs, io,
    os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
    path::Path,
};

use aya_obj::generated::{
    PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_SET_BPF, PERF_FLAG_FD_CLOEXEC, perf_event_attr,
};
use ebpf_base::untrusted;

use super::{Attempt, Failure, Program, tracefs::Tracefs, tracing::Moment, user_function};

/// enum perf_type_id and enum perf_sw_ids (include/uapi/linux/perf_event.h).
const PERF_TYPE_SOFTWARE: u32 = 1;
const PERF_TYPE_TRACEPOINT: u32 = 2;
const PERF_COUNT_SW_CPU_CLOCK: u64 = 0;

/// Whom an event is about.
#[derive(Debug, Clone, Copy)]
enum Scope {
    /// Everybody on the first processor. The program itself is called on all of them.
    System,
    /// This thread.
    Own,
}

fn attributes(kind: u32, config: u64) -> perf_event_attr {
    // SAFETY: the struct has integers only, for which zero is a valid value.
    let mut attributes: perf_event_attr = unsafe { std::mem::zeroed() };
    attributes.type_ = kind;
    attributes.size = size_of::<perf_event_attr>() as u32;
    attributes.config = config;
    attributes
}

/// Opens an event.
///
/// # Safety
/// Addresses in `attributes` must be those of strings that end with a NUL.
unsafe fn open(attributes: &perf_event_attr, scope: Scope) -> io::Result<OwnedFd> {
    let (process, processor) = match scope {
        Scope::System => (-1, 0),
        Scope::Own => (0, -1),
    };
    let no_group = -1;
    // SAFETY: the attributes are as large as they say; the rest is the caller's promise.
    owned(unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            std::ptr::from_ref(attributes),
            process,
            processor,
            no_group,
            PERF_FLAG_FD_CLOEXEC,
        )
    })
}

/// The descriptor that a system call has just made.
fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(result) {
        // SAFETY: it is new, and nobody else owns it.
        Ok(descriptor) if descriptor >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Has `event` call `program`, until the event is dropped.
fn call(event: &OwnedFd, program: BorrowedFd<'_>) -> io::Result<()> {
    let requests = [
        (PERF_EVENT_IOC_SET_BPF, program.as_raw_fd()),
        (PERF_EVENT_IOC_ENABLE, 0),
    ];
    for (request, argument) in requests {
        // SAFETY: both descriptors are open; the requests take a number each.
        let result = unsafe { libc::ioctl(event.as_raw_fd(), request as libc::Ioctl, argument) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

pub(super) fn tracepoint(program: &Program<'_>) -> Attempt {
    let target = program.target("tracepoint")?;
    let shown = untrusted::name(target);
    // A name that would lead elsewhere names no tracepoint.
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('/');
    let (category, name) = target
        .split_once(':')
        .filter(|(category, name)| plain(category) && plain(name))
        .ok_or_else(|| Failure::not_tried(format!("`{shown}` is not of the form category/name")))?;
    let tracefs = Tracefs::open()?;
    let file = tracefs.path().join("events").join(category).join(name);
    let id = fs::read_to_string(file.join("id")).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::refused(
            error,
            format!("this kernel has no tracepoint `{shown}`"),
            "use another hook on this kernel, or a kernel that has it",
        ),
        _ => Failure::not_tried(format!("the ID of `{shown}` cannot be read: {error}")),
    })?;
    let id = id
        .trim()
        .parse()
        .map_err(|_| Failure::not_tried(format!("`{shown}` has no ID in tracefs")))?;
    // SAFETY: there is no address in the attributes.
    let event = unsafe { open(&attributes(PERF_TYPE_TRACEPOINT, id), Scope::System) }?;
    Ok(call(&event, program.descriptor)?)
}

/// A clock that ticks while this thread runs.
pub(super) fn clock(program: &Program<'_>) -> Attempt {
    let mut attributes = attributes(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK);
    // Only events that take samples call programs. In nanoseconds.
    attributes.__bindgen_anon_1.sample_period = 1_000_000;
    // SAFETY: there is no address in the attributes.
    let event = unsafe { open(&attributes, Scope::Own) }?;
    Ok(call(&event, program.descriptor)?)
}

/// A kind of probe, as the kernel numbers it while it runs.
struct Probes {
    kind: u32,
    /// In `config`: the probe is at the return.
    returns: u64,
}

impl Probes {
    fn of(kind: &str) -> Option<Self> {
        let folder = Path::new("/sys/bus/event_source/devices").join(kind);
        let number = fs::read_to_string(folder.join("type")).ok()?;
        // `config:0`
        let format = fs::read_to_string(folder.join("format/retprobe")).ok()?;
        let bit: u32 = format.trim().strip_prefix("config:")?.parse().ok()?;
        Some(Self {
            kind: number.trim().parse().ok()?,
            returns: 1_u64.checked_shl(bit)?,
        })
    }

    /// `place` is a function or a file, with an offset in bytes.
    fn attach(
        &self,
        program: &Program<'_>,
        moment: Moment,
        place: &CStr,
        offset: u64,
    ) -> io::Result<()> {
        let config = if moment == Moment::Return {
            self.returns
        } else {
            0
        };
        let mut attributes = attributes(self.kind, config);
        attributes.__bindgen_anon_3.uprobe_path = place.as_ptr() as u64;
        attributes.__bindgen_anon_4.probe_offset = offset;
        // SAFETY: the one address is that of a string that outlives the call.
        let event = unsafe { open(&attributes, Scope::System) }?;
        call(&event, program.descriptor)
    }
}

pub(super) fn kprobe(program: &Program<'_>, moment: Moment) -> Attempt {
    let target = program.target("function")?;
    let (name, offset) = user_function::with_offset(target);
    let name = if program.hook.prefix.ends_with("syscall") {
        format!("{SYSTEM_CALL}{name}")
    } else {
        name.to_owned()
    };
    let Some(probes) = Probes::of("kprobe") else {
        return Err(Failure::refused(
            io::Error::from_raw_os_error(libc::ENOENT),
            "this kernel does not support kprobes as perf events (CONFIG_KPROBE_EVENTS)",
            "use a tracepoint on this kernel, or another kernel",
        ));
    };
    let symbol = CString::new(name.as_str())
        .map_err(|_| Failure::not_tried("the name of a function cannot contain NUL"))?;
    probes
        .attach(program, moment, &symbol, offset)
        .map_err(|error| {
            let shown = untrusted::name(&name);
            match in_kallsyms(&name) {
                Some(false) => Failure::refused(
                    error,
                    format!("this kernel has no function `{shown}` (/proc/kallsyms)"),
                    "use a function that this kernel has, or a tracepoint",
                ),
                _ => Failure::refused(
                    error,
                    format!("this kernel does not allow kprobes on `{shown}`"),
                    "see /sys/kernel/debug/kprobes/blacklist, and use another function",
                ),
            }
        })
}

/// What the names of the functions of system calls begin with (`SYSCALL_DEFINEx`).
const SYSTEM_CALL: &str = if cfg!(target_arch = "x86_64") {
    "__x64_sys_"
} else if cfg!(target_arch = "aarch64") {
    "__arm64_sys_"
} else if cfg!(target_arch = "riscv64") {
    "__riscv_sys_"
} else if cfg!(target_arch = "s390x") {
    "__s390x_sys_"
} else {
    "sys_"
};

/// Whether the kernel has a symbol; none if it does not show them.
fn in_kallsyms(name: &str) -> Option<bool> {
    let symbols = fs::read_to_string("/proc/kallsyms").ok()?;
    if symbols.is_empty() {
        return None;
    }
    // ffffffff81000000 T name [module]
    let is = |line: &str| line.split_ascii_whitespace().nth(2) == Some(name);
    Some(symbols.lines().any(is))
}

pub(super) fn uprobe(program: &Program<'_>, moment: Moment) -> Attempt {
    let place = user_function::of(program)?;
    let Some(probes) = Probes::of("uprobe") else {
        return Err(Failure::refused(
            io::Error::from_raw_os_error(libc::ENOENT),
            "this kernel does not support uprobes as perf events (CONFIG_UPROBE_EVENTS)",
            "use another kernel",
        ));
    };
    Ok(probes.attach(program, moment, &place.path, place.offset)?)
}
