//! Objects into the kernel.

use std::io;

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::MapError,
    programs::{Program, ProgramError},
    sys::is_program_supported,
};

use ebpf_base::kernel_release;

use crate::{Error, ErrorKind, Result, kind::Kind, skip, skip::mark};

/// What `ebpf_build::embed` puts in the place of an object that it could not build.
const STUB: &[u8] = b"ebpf-build stub: ";

/// Makes the maps of an object, given as the bytes of its file. Its programs are loaded
/// when they are first [run](crate::run).
///
/// Skips the test where loading is not permitted, and where a build script of
/// `ebpf-build` found no toolchain to build the object with.
///
/// # Errors
/// When it is not a BPF object, or the kernel rejects a map.
#[track_caller]
pub fn load(object: &[u8]) -> Result<Ebpf> {
    load_with(&mut EbpfLoader::new(), object)
}

/// As [`load`], with what the caller has set in `loader`: globals, map sizes.
///
/// # Errors
/// As there.
#[track_caller]
pub fn load_with(loader: &mut EbpfLoader<'_>, object: &[u8]) -> Result<Ebpf> {
    mark();
    if let Some(reason) = object.strip_prefix(STUB) {
        let reason = String::from_utf8_lossy(reason);
        skip(&format!("there is no eBPF object to test: {reason}"));
    }
    lift_memory_limit();
    // Readers of ELF want it aligned, which `include_bytes!` does not promise.
    let aligned = object.to_vec();
    match loader.load(&aligned) {
        Ok(ebpf) => Ok(ebpf),
        Err(error) if maps_denied(&error) => no_rights("maps"),
        Err(error) => {
            Err(Error::new(ErrorKind::Object, "the object could not be loaded").because_of(error))
        }
    }
}

/// Has the kernel verify a program, if it has not yet.
#[track_caller]
pub(crate) fn program(name: &str, kind: Kind, program: &mut Program) -> Result<()> {
    let loaded = match program {
        Program::SocketFilter(program) => program.load(),
        Program::ReusePortSocketFilter(program) => program.load(),
        Program::SchedClassifier(program) => program.load(),
        Program::CgroupSkb(program) => program.load(),
        Program::Xdp(program) => program.load(),
        Program::FlowDissector(program) => program.load(),
        Program::RawTracePoint(program) => program.load(),
        _ => Ok(()),
    };
    match loaded {
        Ok(()) | Err(ProgramError::AlreadyLoaded) => Ok(()),
        Err(error) if denied(&error) => no_rights(kind.name),
        Err(error) => match is_program_supported(program.prog_type()) {
            Ok(false) => skip(&format!(
                "Linux {} has no {} programs",
                kernel_release(),
                kind.name
            )),
            _ => Err(Error::new(
                ErrorKind::Rejected,
                format!("the kernel rejected the program `{name}`"),
            )
            .because_of(error)),
        },
    }
}

/// Ends the test, for want of rights.
#[track_caller]
pub(crate) fn no_rights(what: &str) -> ! {
    skip(&format!(
        "the kernel does not permit {what} here; run as root (or with CAP_BPF, \
         CAP_PERFMON and CAP_NET_ADMIN)"
    ))
}

fn denied(error: &ProgramError) -> bool {
    match error {
        // The verifier's own refusals come with a log.
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => is_denial(io_error) && verifier_log.to_string().trim().is_empty(),
        ProgramError::SyscallError(error) => is_denial(&error.io_error),
        _ => false,
    }
}

fn maps_denied(error: &EbpfError) -> bool {
    match error {
        EbpfError::MapError(MapError::CreateError { io_error, .. }) => is_denial(io_error),
        EbpfError::MapError(MapError::SyscallError(error)) => is_denial(&error.io_error),
        _ => false,
    }
}

pub(crate) fn is_denial(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// Kernels before 5.11 count maps against it, and 64 KiB is its usual value.
fn lift_memory_limit() {
    let limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: setrlimit reads the struct that it is given. Where it is not permitted, the
    // map is refused, and that is said.
    unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) };
}
