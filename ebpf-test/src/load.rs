//! Loading objects and programs into the kernel.

use std::{
    io,
    ops::{Deref, DerefMut},
};

use aya::{
    Ebpf, EbpfError, EbpfLoader,
    maps::MapError,
    programs::{Program, ProgramError},
    sys::is_program_supported,
};

use ebpf_base::{kernel_release, memlock, stub};

use crate::{Error, ErrorKind, Result, kernel::require_btf, kind::Kind, skip, skip::mark};

/// An object whose maps exist in the kernel: aya's [`Ebpf`], to which it dereferences, and
/// the bytes of the file, which explain why a program is rejected.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) ebpf: Ebpf,
    pub(crate) object: Vec<u8>,
}

impl Deref for Loaded {
    type Target = Ebpf;

    fn deref(&self) -> &Ebpf {
        &self.ebpf
    }
}

impl DerefMut for Loaded {
    fn deref_mut(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }
}

/// Makes the maps of an object, given as the bytes of its file. Its programs are loaded
/// when they are first [run](crate::run).
///
/// Skips the test where loading is not permitted, and where a build script of
/// `ebpf-build` found no toolchain to build the object with.
///
/// # Errors
/// When it is not a BPF object, or the kernel rejects a map.
#[track_caller]
pub fn load(object: &[u8]) -> Result<Loaded> {
    load_with(&mut EbpfLoader::new(), object)
}

/// As [`load`], with what the caller has set in `loader`: globals, map sizes.
///
/// # Errors
/// As there.
#[track_caller]
pub fn load_with(loader: &mut EbpfLoader<'_>, object: &[u8]) -> Result<Loaded> {
    mark();
    if let Some(reason) = stub::reason(object) {
        skip(&format!("the eBPF object to test was not built: {reason}"));
    }
    // Where it is not permitted, and the limit too low, the kernel rejects a map.
    let _ = memlock::lift();
    // Readers of ELF want it aligned, which `include_bytes!` does not promise.
    let object = object.to_vec();
    match loader.load(&object) {
        Ok(ebpf) => Ok(Loaded { ebpf, object }),
        Err(error) if maps_denied(&error) => no_rights("create maps"),
        Err(error) => {
            Err(Error::new(ErrorKind::Object, "the object could not be loaded").because_of(error))
        }
    }
}

/// Has the kernel verify the program `name` without running it, for types that have no test
/// run. `load` calls the `load` method of its type:
///
/// ```no_run
/// # fn tested(object: &[u8]) -> ebpf_test::Result<()> {
/// use ebpf_test::aya::{Btf, programs::FEntry};
///
/// let mut ebpf = ebpf_test::load(object)?;
/// ebpf_test::verify(&mut ebpf, "opened", |program| {
///     let program: &mut FEntry = program.try_into()?;
///     program.load("vfs_open", &Btf::from_sys_fs()?)
/// })
/// # }
/// ```
///
/// Skips the test where the kernel lacks the type, does not permit loading, or has no BTF
/// and `load` needs it.
///
/// # Errors
/// When the object lacks the program, or the kernel rejects it. A rejection is explained as by
/// `cargo ebpf verify`; see [`Error::diagnosis`].
#[track_caller]
pub fn verify(
    loaded: &mut Loaded,
    name: &str,
    load: impl FnOnce(&mut Program) -> Result<(), ProgramError>,
) -> Result<()> {
    let Loaded { ebpf, object } = loaded;
    let program = find(ebpf, name)?;
    let result = load(program);
    if matches!(result, Err(ProgramError::Btf(_))) {
        require_btf();
    }
    let kind = format!("{:?}", program.prog_type());
    judge(name, program, object, &kind, result)
}

/// The program `name`.
pub(crate) fn find<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut Program> {
    let names: Vec<_> = ebpf.programs().map(|(name, _)| name.to_owned()).collect();
    ebpf.program_mut(name).ok_or_else(|| {
        let only = match names.as_slice() {
            [] => String::new(),
            names => format!(", only: {}", names.join(", ")),
        };
        Error::new(
            ErrorKind::ProgramMissing,
            format!("the object does not contain the program `{name}`{only}"),
        )
    })
}

/// Has the kernel verify a program of `object`, if it has not yet.
#[track_caller]
pub(crate) fn program(name: &str, kind: Kind, program: &mut Program, object: &[u8]) -> Result<()> {
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
    judge(name, program, object, kind.name, loaded)
}

/// What became of loading `program`, whose type is called `kind`.
#[track_caller]
fn judge(
    name: &str,
    program: &Program,
    object: &[u8],
    kind: &str,
    loaded: Result<(), ProgramError>,
) -> Result<()> {
    match loaded {
        Ok(()) | Err(ProgramError::AlreadyLoaded) => Ok(()),
        Err(error) if denied(&error) => no_rights(&format!("load {kind} programs")),
        Err(error) => match is_program_supported(program.prog_type()) {
            Ok(false) => skip(&format!(
                "Linux {} does not support {kind} programs",
                kernel_release()
            )),
            _ => Err(rejected(name, object, error)),
        },
    }
}

/// The program is rejected: with a verifier log, the error explains it.
fn rejected(name: &str, object: &[u8], error: ProgramError) -> Error {
    match error {
        ProgramError::LoadError {
            io_error,
            verifier_log,
        } => {
            let log = verifier_log.to_string();
            Error::rejected(
                name,
                ebpf_diagnosis::of_load_error(object, name, &io_error, &log),
            )
        }
        error => Error::new(
            ErrorKind::Rejected,
            format!("the kernel rejected the program `{name}`"),
        )
        .because_of(error),
    }
}

/// Ends the test, for want of rights.
#[track_caller]
pub(crate) fn no_rights(what: &str) -> ! {
    skip(&format!(
        "this process is not permitted to {what}; run as root (or with CAP_BPF, CAP_PERFMON and \
         CAP_NET_ADMIN)"
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
