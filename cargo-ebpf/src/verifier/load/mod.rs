//! Takes an object apart and every program of it through the running kernel's
//! verifier, one at a time, so that figures can be compared.

mod annotated_log;
mod target;

use std::{
    cell::OnceCell,
    ffi::CStr,
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
};

use ebpf_base::{
    KernelVersion,
    btf::{self, Btf},
    memlock, untrusted,
};
use ebpf_build::{Error, Finding};
use ebpf_diagnosis::verifier_log::{statistics::Statistics, visits::Visits};
use ebpf_object::{
    Hook, Loader, Target,
    link::{self, Assembled, Failure, Program, Unit, core::KernelTypes},
};

use self::annotated_log::in_words;
use super::{
    attach, externs, features,
    maps::Maps,
    observation::{self, Attach, Attaching, Event, Extras, Observed, ProgramInfo, VerifierLog},
    outcome::Outcome,
    program::{self, Answer},
    reason,
    references::{self, Lacking},
    replaced::{LoadedTarget, Replaced},
    syscall::{self, ProgramLoad, ProgramTypes},
};
use crate::{code::Code, host::kernel::Kernel};

/// Has the running kernel verify every program of the object in `data`, as its loader would set
/// it, but those that `skipped` names, and gives each step to `tell`. This never fails: faults in
/// `data` are events, too.
pub(crate) fn observe(
    data: &[u8],
    kernel: &Kernel,
    skipped: &[String],
    set: &link::Given,
    extras: Extras,
    replaced: Option<&Replaced>,
    tell: &mut (dyn FnMut(Event) + Send),
) {
    let session = Session::new(kernel, skipped, extras, replaced);
    if let Err(error) = session.observe(data, set, tell) {
        tell(Event::Found(error.finding().clone()));
    }
}

/// One object and the kernel it is given to.
struct Session<'kernel> {
    kernel: &'kernel Kernel,
    skipped: &'kernel [String],
    extras: Extras,
    replaced: Option<&'kernel Replaced>,
    /// Loaded when the first program asks for it; or why it could not be.
    loaded_target: OnceCell<Result<LoadedTarget, String>>,
    memlock: io::Result<()>,
    /// Some MiB: read when the first program asks for it.
    kernel_btf: OnceCell<Option<Vec<u8>>>,
}

/// What the programs of an object share.
struct Shared {
    maps: Maps,
    /// The number of the map of settings.
    settings: usize,
    externs: Vec<externs::Found>,
    /// The object's BTF, if it has some and the kernel took it.
    types: Option<OwnedFd>,
}

/// What is asked of the kernel for one program.
struct Request<'s> {
    hook: &'s Hook,
    code: Assembled,
    expected_attach_type: u32,
    /// A type of the kernel's BTF; 0 for none.
    attach_btf_id: u32,
    /// The program whose BTF it is a type of; none for the kernel's.
    attach_program: Option<BorrowedFd<'s>>,
    /// Kept open until the program is loaded.
    _own_maps: Vec<OwnedFd>,
}

/// What came of a program.
#[derive(Clone)]
struct Loaded {
    outcome: Observed,
    attach: Option<Attach>,
    statistics: Statistics,
    visits: Option<Visits>,
}

impl Loaded {
    /// It did not load, and nothing more is known.
    fn not(outcome: Observed) -> Self {
        Self {
            outcome,
            attach: None,
            statistics: Statistics::default(),
            visits: None,
        }
    }

    fn of(self, subject: ProgramInfo) -> observation::Program {
        observation::Program {
            subject,
            outcome: self.outcome,
            attach: self.attach,
            statistics: self.statistics,
            visits: self.visits,
        }
    }
}

impl<'kernel> Session<'kernel> {
    fn new(
        kernel: &'kernel Kernel,
        skipped: &'kernel [String],
        extras: Extras,
        replaced: Option<&'kernel Replaced>,
    ) -> Self {
        Self {
            kernel,
            skipped,
            extras,
            replaced,
            loaded_target: OnceCell::new(),
            memlock: match kernel.version < KernelVersion::new(5, 11) {
                true => memlock::lift(),
                // The memory cgroup counts.
                false => Ok(()),
            },
            kernel_btf: OnceCell::new(),
        }
    }

    fn kernel_btf(&self) -> Option<&[u8]> {
        self.kernel_btf
            .get_or_init(|| self.kernel.btf().ok())
            .as_deref()
    }

    fn observe(
        &self,
        data: &[u8],
        set: &link::Given,
        tell: &mut dyn FnMut(Event),
    ) -> ebpf_build::Result<()> {
        let mut unit = Unit::parse(data)?;
        unit.give(set)?;
        if unit.programs.is_empty() {
            return Err(Error::new(Code::NoPrograms, "the object has no programs")
                .fix("mark a function with one of aya_ebpf::macros, such as #[xdp]"));
        }
        let shared = self.prepare(&mut unit, data, tell);
        for program in &unit.programs {
            if !self.skipped.contains(&program.name) {
                self.program(&unit, &shared, program, tell);
            }
        }
        for finding in shared.maps.findings() {
            tell(Event::Found(finding.clone()));
        }
        Ok(())
    }

    /// Fits the object in `data` to the kernel, and makes what its programs share.
    fn prepare(&self, unit: &mut Unit<'_>, data: &[u8], tell: &mut dyn FnMut(Event)) -> Shared {
        let wants_types = unit.depends_on_kernel_types() || !unit.externs.is_empty();
        let kernel_btf = wants_types
            .then(|| self.kernel_btf().and_then(|data| Btf::parse(data).ok()))
            .flatten();
        if unit.depends_on_kernel_types() {
            let types = kernel_btf.as_ref().map(KernelTypes::of);
            unit.fit(types.as_ref());
        }
        let types = self.load_types(unit).unwrap_or_else(|warning| {
            tell(Event::Found(warning.finding().clone()));
            None
        });
        let externs = externs::find(
            &unit.externs,
            &mut unit.maps,
            unit.btf.as_ref(),
            self.kernel,
            kernel_btf.as_ref(),
        );
        Shared {
            maps: Maps::create(&unit.maps, data, types.as_ref().map(|types| types.as_fd())),
            settings: unit.maps.len().saturating_sub(1),
            externs,
            types,
        }
    }

    /// Hands the object's BTF to the kernel, without what this kernel does not know.
    /// What it refuses is a warning: libbpf and Aya continue without it, too.
    fn load_types(&self, unit: &Unit<'_>) -> ebpf_build::Result<Option<OwnedFd>> {
        let Some(mut types) = unit.types.clone() else {
            return Ok(None);
        };
        types.fit(features::btf());
        let bytes = types.to_bytes();
        let error = match syscall::btf_load(&bytes, None) {
            Ok(descriptor) => return Ok(Some(descriptor)),
            Err(error) => error,
        };
        let mut log = vec![0; BTF_LOG];
        // Only for the log: it is refused as it was before.
        let _ = syscall::btf_load(&bytes, Some(&mut log));
        let log = String::from_utf8_lossy(&log);
        let last = log
            .trim_end_matches('\0')
            .lines()
            .rfind(|line| !line.trim().is_empty());
        let cause = last.map_or_else(|| error.to_string(), |last| format!("{error}: {last}"));
        Err(Finding::warning(
            Code::BtfRefused,
            "the kernel did not accept the object's BTF, so types and source lines are missing",
        )
        .because(untrusted::lines(&cause))
        .into())
    }

    fn program(
        &self,
        unit: &Unit<'_>,
        shared: &Shared,
        program: &Program,
        tell: &mut dyn FnMut(Event),
    ) {
        let hook = Hook::of(&program.section);
        let assembled = unit.assemble(program);
        let subject = ProgramInfo {
            name: program.name.clone(),
            section: program.section.clone(),
            program_type: hook.as_ref().map_or_else(
                || "unknown".to_owned(),
                |hook| hook.program_type.to_string(),
            ),
            instructions: assembled.as_ref().map_or(0, |code| code.instructions.len()),
        };
        tell(Event::Trying(subject.clone()));
        let tried = match self.request(unit, program, hook.as_ref(), shared, assembled) {
            Ok(request) => {
                let mut decided = |loaded: Loaded| tell(Event::Decided(loaded.of(subject.clone())));
                self.load(unit, shared, program, &request, &mut decided)
            }
            Err(outcome) => Loaded::not(*outcome),
        };
        tell(Event::Tried(tried.of(subject)));
    }

    /// What there is to load, or why nothing can be tried.
    fn request<'s>(
        &'s self,
        unit: &Unit<'_>,
        program: &Program,
        hook: Option<&'s Hook>,
        shared: &Shared,
        assembled: Result<Assembled, Failure>,
    ) -> Result<Request<'s>, Box<Observed>> {
        let shown = untrusted::name(&program.section);
        let hook = hook.ok_or_else(|| {
            reason::not_tried(
                format!("the section name `{shown}` does not contain a known program type"),
                "",
                "see https://docs.kernel.org/bpf/libbpf/program_types.html for valid section names",
            )
        })?;
        let mut code = assembled.map_err(|failure| match failure {
            Failure::Types(_) if self.kernel_btf().is_none() => reason::not_fitted(
                &format!("this kernel has no BTF ({} is missing)", btf::VMLINUX),
                "verify on a kernel that was built with CONFIG_DEBUG_INFO_BTF=y",
            ),
            Failure::Types(cause) => reason::not_fitted(&untrusted::lines(&cause), ""),
            Failure::Code(cause) => reason::not_linked(&untrusted::lines(&cause)),
            _ => reason::not_linked(""),
        })?;
        if let Some(cause) = &unit.unreadable_types {
            return Err(Box::new(reason::not_linked(&format!(
                "the types of the object cannot be read: {}",
                untrusted::lines(cause)
            ))));
        }
        if let Some(cause) = self.refused_by_loader(unit, &code) {
            return Err(Box::new(reason::not_linked(&cause)));
        }
        let own_maps =
            references::connect(&mut code, &shared.maps, shared.settings, &shared.externs)
                .map_err(|lacking| match lacking {
                    Lacking::Map(_) if reason::lacks_rights(self.kernel) => {
                        reason::no_rights(self.kernel)
                    }
                    Lacking::Map(finding) => reason::no_map(&finding),
                    Lacking::Other(cause) => reason::not_linked(&untrusted::lines(&cause)),
                })?;
        features::fit_helpers(self.kernel, &mut code.instructions);
        let mut attach_program = None;
        let (attach_btf_id, expected_attach_type) = match hook.target {
            Target::StructOps => self.operation(program)?,
            Target::OtherProgram if self.replaced.is_some() => {
                let (function, program) = self.replaced_function(hook)?;
                attach_program = Some(program);
                (function, hook.expected_attach_type)
            }
            _ => (
                self.attach_target(hook, &program.section)?,
                hook.expected_attach_type,
            ),
        };
        Ok(Request {
            hook,
            code,
            expected_attach_type,
            attach_btf_id,
            attach_program,
            _own_maps: own_maps,
        })
    }

    /// Why the loader that was asked for would not load the program.
    fn refused_by_loader(&self, unit: &Unit<'_>, code: &Assembled) -> Option<String> {
        match self.extras.loader? {
            Loader::Libbpf => {
                let legacy = unit.maps.iter().find(|map| map.legacy)?;
                Some(format!(
                    "libbpf 1.0 and later do not support maps that are defined without BTF, such \
                     as `{}`",
                    untrusted::name(&legacy.name)
                ))
            }
            Loader::Aya => {
                let externs = code.references.iter().find_map(|(_, target)| match target {
                    link::Target::Extern(number) => unit.externs.get(*number),
                    _ => None,
                });
                Some(format!(
                    "the kernel must provide `{}`, which Aya 0.14 does not support",
                    untrusted::name(&externs?.name)
                ))
            }
            _ => None,
        }
    }

    /// The license that the kernel is given.
    fn license<'u>(&self, unit: &'u Unit<'_>) -> &'u CStr {
        let loader = self.extras.loader.unwrap_or(unit.made_for);
        unit.license
            .as_deref()
            .unwrap_or_else(|| loader.default_license())
    }

    fn program_load<'a>(
        &self,
        unit: &'a Unit<'_>,
        shared: &'a Shared,
        program: &'a Program,
        request: &'a Request<'_>,
    ) -> ProgramLoad<'a> {
        let Request { hook, code, .. } = request;
        ProgramLoad {
            name: &program.name,
            program_type: hook.program_type.number(),
            expected_attach_type: request.expected_attach_type,
            flags: hook.flags,
            instructions: &code.instructions,
            license: self.license(unit),
            kernel_version: unit
                .kernel_version
                .unwrap_or_else(|| self.kernel.version_code()),
            attach_btf_id: request.attach_btf_id,
            attach_program: request.attach_program,
            types: shared.types.as_ref().map(|types| ProgramTypes {
                btf: types.as_fd(),
                functions: &code.functions,
                lines: &code.lines,
            }),
        }
    }

    /// What comes of a program. What the kernel has decided is given to `decided` before it is
    /// asked for more.
    fn load(
        &self,
        unit: &Unit<'_>,
        shared: &Shared,
        program: &Program,
        request: &Request<'_>,
        decided: &mut dyn FnMut(Loaded),
    ) -> Loaded {
        let Request { hook, code, .. } = request;
        let load = self.program_load(unit, shared, program, request);
        let rejected = |error: &io::Error, log: &str, truncated, statistics: &Statistics| {
            let log = VerifierLog {
                errno: error.raw_os_error().unwrap_or_default(),
                log: in_words(log, &unit.externs, &code.absent),
                truncated,
            };
            Loaded {
                statistics: statistics.clone(),
                ..Loaded::not(Outcome::Rejected(log))
            }
        };
        let answer = program::load(&load, |error, log, statistics| {
            decided(rejected(error, log, true, statistics));
        });
        let mut loaded = match &answer {
            Answer::Accepted { statistics, .. } => Loaded {
                statistics: statistics.clone(),
                ..Loaded::not(Outcome::Accepted)
            },
            Answer::Refused {
                error,
                log,
                truncated,
                statistics,
            } => rejected(error, log, *truncated, statistics),
            Answer::Silent { error, whole_kind } => {
                let silent = reason::silent(self.kernel, &self.memlock, hook, error, *whole_kind);
                return Loaded::not(silent);
            }
        };
        if self.extras.visits || self.extras.attaching != Attaching::Nothing {
            decided(loaded.clone());
        }
        if self.extras.visits {
            loaded.visits = Some(program::visits(&load));
        }
        if let Answer::Accepted { program, .. } = &answer {
            let program = attach::Program {
                kernel: self.kernel,
                hook,
                instructions: &code.instructions,
                descriptor: program.as_fd(),
            };
            loaded.attach = attach::attempt(&program, self.extras.attaching);
        }
        loaded
    }
}

/// Room for the kernel's reasons for refusing BTF: the log lists the types that it took
/// before, some 50 bytes each.
const BTF_LOG: usize = 1 << 20;
