//! Takes an object apart and every program of it through the running kernel's
//! verifier, one at a time, so that figures can be compared.

use std::{
    cell::OnceCell,
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya_obj::{Function, Object, btf::Btf};
use ebpf_base::btf::{self, find_id};
use ebpf_base::untrusted;
use ebpf_build::{Error, Finding};
use ebpf_diagnosis::verifier_log::{statistics::Statistics, visits::Visits};
use ebpf_object::{
    Hook, Name,
    link::{
        calls::{self, Linked},
        compat::{self, Image},
        panic_guard,
    },
};

use super::{
    attach,
    attach_target::AttachTarget,
    features,
    maps::Maps,
    observation::{self, Attach, Event, Extras, Observed, ProgramInfo, VerifierLog},
    outcome::Outcome,
    program::{self, Answer},
    reason,
    relocate::{self, Program},
    syscall::{self, ProgramLoad, ProgramTypes},
};
use crate::{
    code::Code,
    host::kernel::{self, Kernel},
};

/// Has the running kernel verify every program of the object in `data`, but those that
/// `skipped` names, and gives each step to `tell`. Whatever is in `data`, nothing here
/// fails: what is wrong with it is told.
pub(crate) fn observe(
    data: &[u8],
    kernel: &Kernel,
    skipped: &[String],
    extras: Extras,
    tell: &mut (dyn FnMut(Event) + Send),
) {
    let observed = panic_guard::run(|| {
        Session::new(kernel, skipped, extras)
            .observe(data, tell)
            .err()
            .map(|error| error.finding().clone())
    });
    let failed = match observed {
        Ok(finding) => finding,
        Err(panic_guard::Failure::Panic(cause)) => Some(unreadable(&cause).finding().clone()),
        Err(panic_guard::Failure::NoThread(cause)) => Some(no_memory(&cause)),
    };
    if let Some(finding) = failed {
        tell(Event::Found(finding));
    }
}

fn unreadable(cause: &str) -> Error {
    Error::new(Code::ObjectUnreadable, "aya-obj could not read the object")
        .because(untrusted::lines(cause))
        .fix("build it again; `cargo ebpf inspect` shows what is in it")
}

fn no_memory(cause: &io::Error) -> Finding {
    Finding::error(
        Code::OutOfMemory,
        "there is not enough memory to take the object apart",
    )
    .because(format!("could not start a thread: {cause}"))
    .fix("free some; give guests more, such as: --guest-memory 2048")
}

/// One object and the kernel it is given to.
struct Session<'kernel> {
    kernel: &'kernel Kernel,
    skipped: &'kernel [String],
    extras: Extras,
    memlock: io::Result<()>,
    /// Some MiB: read when the first program asks for it.
    kernel_btf: OnceCell<Option<Vec<u8>>>,
}

/// What is asked of the kernel for one program.
struct Request<'hook> {
    hook: &'hook Hook,
    function: Function,
    /// A type of the kernel's BTF; 0 for none.
    attach_btf_id: u32,
    /// Kept open until the program is loaded.
    _program_arrays: Vec<OwnedFd>,
}

/// What came of a program.
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
}

impl<'kernel> Session<'kernel> {
    fn new(kernel: &'kernel Kernel, skipped: &'kernel [String], extras: Extras) -> Self {
        Self {
            kernel,
            skipped,
            extras,
            memlock: kernel::lift_memlock(kernel.version),
            kernel_btf: OnceCell::new(),
        }
    }

    fn kernel_btf(&self) -> Option<&[u8]> {
        self.kernel_btf
            .get_or_init(|| self.kernel.btf().ok())
            .as_deref()
    }

    fn observe(&self, data: &[u8], tell: &mut dyn FnMut(Event)) -> ebpf_build::Result<()> {
        let image = compat::image(data)?;
        let mut object = panic_guard::step(|| Object::parse(&image.bytes))
            .and_then(|parsed| parsed.map_err(|error| calls::chain(&error)))
            .map_err(|cause| unreadable(&cause))?;
        if object.programs.is_empty() {
            return Err(Error::new(Code::NoPrograms, "the object has no programs")
                .fix("mark a function with one of aya_ebpf::macros, such as #[xdp]"));
        }

        // First, as it needs the object's BTF whole.
        self.relocate_types(&mut object)?;
        let types = self.load_types(&mut object).unwrap_or_else(|warning| {
            tell(Event::Found(warning.finding().clone()));
            None
        });
        let maps = Maps::create(
            std::mem::take(&mut object.maps),
            types.as_ref().map(|types| types.as_fd()),
        );
        let code = features::code(self.kernel);
        for (program, linked) in relocate::programs(&mut object, &maps, &code, &image.undefined) {
            if !self.skipped.contains(&program.name) {
                self.program(&image, &maps, types.as_ref(), &program, linked, tell);
            }
        }
        for finding in maps.findings() {
            tell(Event::Found(finding.clone()));
        }
        Ok(())
    }

    /// Hands the object's BTF to the kernel, without what this kernel does not know.
    /// What it refuses is a warning: most programs load without.
    fn load_types(&self, object: &mut Object) -> ebpf_build::Result<Option<OwnedFd>> {
        let refused = |cause: &str| -> Error {
            Finding::warning(
                Code::BtfRefused,
                "the kernel did not take the object's BTF, so types and source lines are missing",
            )
            .because(untrusted::lines(cause))
            .into()
        };
        let features = features::btf();
        let bytes = panic_guard::step(|| {
            object
                .fixup_and_sanitize_btf(&features)
                .map(|btf| btf.map(Btf::to_bytes))
                .map_err(|error| calls::chain(&error))
        })
        .and_then(|sanitized| sanitized)
        .map_err(|cause| refused(&cause))?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
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
        Err(refused(&last.map_or_else(
            || error.to_string(),
            |last| format!("{error}: {last}"),
        )))
    }

    /// CO-RE: fits accesses to kernel structures to the running kernel.
    fn relocate_types(&self, object: &mut Object) -> ebpf_build::Result<()> {
        if !object.has_btf_relocations() {
            return Ok(());
        }
        let missing = |cause: String| {
            Error::new(
                Code::CoreRelocation,
                "the object's accesses to kernel structures could not be fitted to this kernel",
            )
            .because(untrusted::lines(&cause))
        };
        let btf = self.kernel_btf().ok_or_else(|| {
            missing(format!(
                "this kernel has no BTF ({} is missing)",
                btf::VMLINUX
            ))
            .fix("verify on a kernel that was built with CONFIG_DEBUG_INFO_BTF=y")
        })?;
        // The object's order is the machine's, or it would not have got here.
        let order = object.endianness;
        panic_guard::step(|| {
            let btf = Btf::parse(btf, order).map_err(|error| calls::chain(&error))?;
            object
                .relocate_btf(&btf)
                .map_err(|error| calls::chain(&error))
        })
        .and_then(|result| result)
        .map_err(missing)
    }

    fn program(
        &self,
        image: &Image<'_>,
        maps: &Maps,
        types: Option<&OwnedFd>,
        program: &Program,
        linked: Linked,
        tell: &mut dyn FnMut(Event),
    ) {
        let section = image
            .sections
            .get(&program.section_index)
            .map_or("", String::as_str);
        let hook = Hook::of(section);
        let subject = ProgramInfo {
            name: program.name.clone(),
            section: section.to_owned(),
            program_type: hook.as_ref().map_or_else(
                || "unknown".to_owned(),
                |hook| hook.program_type.to_string(),
            ),
            instructions: linked
                .as_ref()
                .map_or(0, |function| function.instructions.len()),
        };
        tell(Event::Trying(subject.clone()));
        let tried = match self.request(section, hook.as_ref(), maps, linked) {
            Ok(request) => self.load(program, &request, types),
            Err(outcome) => Loaded::not(*outcome),
        };
        tell(Event::Tried(observation::Program {
            subject,
            outcome: tried.outcome,
            attach: tried.attach,
            statistics: tried.statistics,
            visits: tried.visits,
        }));
    }

    /// What there is to load, or why nothing can be tried.
    fn request<'hook>(
        &self,
        section: &str,
        hook: Option<&'hook Hook>,
        maps: &Maps,
        linked: Linked,
    ) -> Result<Request<'hook>, Box<Observed>> {
        let shown = untrusted::name(section);
        let hook = hook.ok_or_else(|| {
            reason::not_tried(
                format!("the section name `{shown}` names no kind of program"),
                "",
                "see https://docs.kernel.org/bpf/libbpf/program_types.html for the names there are",
            )
        })?;
        let mut function = linked.map_err(|cause| {
            reason::not_tried(
                "its calls or map references could not be resolved".to_owned(),
                &untrusted::lines(&cause),
                "",
            )
        })?;
        if let Some(missing) = maps.missing_in(&function.instructions) {
            return Err(Box::new(if reason::lacks_rights(self.kernel) {
                reason::no_rights(self.kernel)
            } else {
                reason::no_map(missing)
            }));
        }
        let attach_btf_id = self.attach_target(hook, section)?;
        let program_arrays = maps
            .own_program_arrays(&mut function.instructions)
            .map_err(|error| {
                let message = "an array of programs could not be made for it".to_owned();
                reason::not_tried(message, &error.to_string(), "")
            })?;
        Ok(Request {
            hook,
            function,
            attach_btf_id,
            _program_arrays: program_arrays,
        })
    }

    /// The type of the kernel's BTF that the program is for; 0 if it is for none.
    fn attach_target(&self, hook: &Hook, section: &str) -> Result<u32, Box<Observed>> {
        let (prefix, kind, what) = match AttachTarget::from(hook.target) {
            AttachTarget::AtAttach => return Ok(0),
            AttachTarget::Elsewhere(reason) => {
                return Err(Box::new(reason::not_tried(reason.to_owned(), "", "")));
            }
            AttachTarget::KernelType { prefix, kind, what } => (prefix, kind, what),
        };
        let release = reason::release(self.kernel);
        let Some(target) = hook.target_name.as_ref().map(Name::as_str) else {
            return Err(Box::new(reason::not_tried(
                format!(
                    "the section name `{}` does not say which {what} it is for",
                    untrusted::name(section)
                ),
                "a loader would have to choose it",
                "name it in the program's macro, such as #[fentry(function = \"..\")]",
            )));
        };
        let shown = untrusted::name(target);
        let Some(btf) = self.kernel_btf() else {
            return Err(Box::new(reason::unsupported(
                format!("Linux {release} has no BTF, which names the {what} `{shown}`"),
                "it was built without CONFIG_DEBUG_INFO_BTF",
                "use a kernel that was built with CONFIG_DEBUG_INFO_BTF=y",
            )));
        };
        find_id(btf, kind, &format!("{prefix}{target}")).ok_or_else(|| {
            Box::new(reason::no_target(
                format!("Linux {release} has no {what} `{shown}`"),
                &format!("its BTF ({}) does not name it", btf::VMLINUX),
                "use another hook on this kernel, or a kernel that has it",
            ))
        })
    }

    fn load(&self, program: &Program, request: &Request<'_>, types: Option<&OwnedFd>) -> Loaded {
        let Request {
            hook,
            function,
            attach_btf_id,
            ..
        } = request;
        let load = ProgramLoad {
            name: &program.name,
            program_type: hook.program_type.number(),
            expected_attach_type: hook.expected_attach_type,
            flags: hook.flags,
            instructions: &function.instructions,
            license: &program.program.license,
            kernel_version: program
                .program
                .kernel_version
                .unwrap_or_else(|| self.kernel.version_code()),
            attach_btf_id: *attach_btf_id,
            types: types.map(|types| ProgramTypes {
                btf: types.as_fd(),
                functions: &function.func_info.func_info,
                lines: &function.line_info.line_info,
            }),
        };
        let answer = program::load(&load);
        let goes_through = !matches!(answer, Answer::Silent { .. });
        let visits = (self.extras.visits && goes_through).then(|| program::visits(&load));
        match answer {
            Answer::Accepted {
                program,
                statistics,
            } => Loaded {
                outcome: Outcome::Accepted,
                attach: attach::attempt(
                    &attach::Program {
                        kernel: self.kernel,
                        hook,
                        instructions: &function.instructions,
                        descriptor: program.as_fd(),
                    },
                    self.extras.attaching,
                ),
                statistics,
                visits,
            },
            Answer::Refused {
                error,
                log,
                truncated,
                statistics,
            } => {
                let refusal = VerifierLog {
                    errno: error.raw_os_error().unwrap_or_default(),
                    log: log.replace(UNFITTED, UNFITTED_IN_WORDS),
                    truncated,
                };
                Loaded {
                    statistics,
                    visits,
                    ..Loaded::not(Outcome::Rejected(refusal))
                }
            }
            Answer::Silent { error, whole_kind } => Loaded::not(reason::silent(
                self.kernel,
                &self.memlock,
                hook,
                &error,
                whole_kind,
            )),
        }
    }
}

/// What verifiers say to an instruction that aya-obj, like libbpf, puts where an access
/// could not be fitted to this kernel: a call of the helper 0xbad2310, which is none.
const UNFITTED: &str = "invalid func unknown#195896080\n";
const UNFITTED_IN_WORDS: &str = "invalid func unknown#195896080: \
    it accesses a field or a type that this kernel does not have (CO-RE)\n";

/// Room for the kernel's reasons for refusing BTF: the log lists the types that it took
/// before, some 50 bytes each.
const BTF_LOG: usize = 1 << 20;
