//! Takes an object apart and every program of it through the running kernel's
//! verifier, one at a time, so that figures can be compared.

use std::{
    cell::OnceCell,
    io,
    os::fd::{AsFd as _, OwnedFd},
};

use aya_obj::{Function, Object, btf::Btf};
use ebpf_build::{Error, Finding, finding::Place};

use super::{
    elf::{self, Image},
    features,
    hook::{Hook, Target},
    log::{Log, Statistics},
    maps::Maps,
    program::{self, Answer},
    relocate::{self, Linked, Program},
    shield,
    syscall::{self, ProgramLoad, ProgramTypes},
    type_id, untrusted,
    verdict::{self, Rejection, Verdict},
};
use crate::host::kernel::{self, Kernel};

/// Has the running kernel verify every program of the object in `data`. `name` is
/// what the object is called in the result. Whatever is in `data`, the answer is a
/// verdict: nothing here fails.
pub fn verify(name: &str, data: &[u8], kernel: &Kernel) -> verdict::Object {
    let verified = shield::run(|| Session::new(kernel).verify(data)).unwrap_or_else(|panic| {
        let finding = Error::new("object-unreadable", "aya-obj could not read the object")
            .because(untrusted::printable(&panic));
        Verified::failed(finding)
    });
    verdict::Object {
        object: untrusted::name(name),
        programs: verified.programs,
        findings: verified.findings,
        bpftool: None,
    }
}

#[derive(Default)]
struct Verified {
    programs: Vec<verdict::Program>,
    findings: Vec<Finding>,
}

impl Verified {
    fn failed(error: Error) -> Self {
        Self {
            programs: Vec::new(),
            findings: vec![error.finding().clone()],
        }
    }
}

/// One object and the kernel it is given to.
struct Session<'kernel> {
    kernel: &'kernel Kernel,
    memlock: io::Result<()>,
    /// Some MiB: read when the first program asks for it.
    kernel_btf: OnceCell<Option<Vec<u8>>>,
}

/// The object's types, as the kernel took them.
struct Types {
    bytes: Vec<u8>,
    descriptor: OwnedFd,
}

impl<'kernel> Session<'kernel> {
    fn new(kernel: &'kernel Kernel) -> Self {
        Self {
            kernel,
            memlock: kernel::lift_memlock(kernel.version),
            kernel_btf: OnceCell::new(),
        }
    }

    fn kernel_btf(&self) -> Option<&[u8]> {
        self.kernel_btf
            .get_or_init(|| self.kernel.btf().ok())
            .as_deref()
    }

    fn verify(&self, data: &[u8]) -> Verified {
        match self.try_verify(data) {
            Ok(verified) => verified,
            Err(error) => Verified::failed(error),
        }
    }

    fn try_verify(&self, data: &[u8]) -> ebpf_build::Result<Verified> {
        let image = elf::image(data)?;
        let unreadable = |cause: String| {
            Error::new("object-unreadable", "aya-obj could not read the object")
                .because(untrusted::printable(&cause))
        };
        let mut object = shield::step(|| Object::parse(&image.bytes))
            .and_then(|parsed| parsed.map_err(|error| relocate::chain(&error)))
            .map_err(unreadable)?;
        if object.programs.is_empty() {
            return Err(Error::new("no-programs", "the object has no programs"));
        }

        let mut findings = Vec::new();
        let types = match self.load_types(&mut object) {
            Ok(types) => types,
            Err(warning) => {
                findings.push(warning.finding().clone());
                None
            }
        };
        self.relocate_types(&mut object)?;
        let maps = Maps::create(
            std::mem::take(&mut object.maps),
            types.as_ref().map(|types| types.descriptor.as_fd()),
        );
        let code = features::code(self.kernel.version);
        let programs: Vec<_> = relocate::programs(&mut object, &maps, &code)
            .into_iter()
            .map(|(program, linked)| self.program(&image, &maps, types.as_ref(), &program, linked))
            .collect();

        // Without rights nothing else is worth saying.
        if !programs
            .iter()
            .any(|program| matches!(program.verdict, Verdict::NoRights(_)))
        {
            findings.extend(maps.findings().cloned());
        } else {
            findings.clear();
        }
        Ok(Verified { programs, findings })
    }

    /// Hands the object's BTF to the kernel, without what this kernel does not know.
    /// What it refuses is a warning: most programs load without.
    fn load_types(&self, object: &mut Object) -> ebpf_build::Result<Option<Types>> {
        let refused = |cause: &str| -> Error {
            Finding::warning(
                "btf-refused",
                "the kernel did not take the object's BTF, so types and source lines are missing",
            )
            .because(untrusted::printable(cause))
            .into()
        };
        let features = features::btf();
        let bytes = shield::step(|| {
            object
                .fixup_and_sanitize_btf(&features)
                .map(|btf| btf.map(Btf::to_bytes))
                .map_err(|error| relocate::chain(&error))
        })
        .and_then(|sanitized| sanitized)
        .map_err(|cause| refused(&cause))?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let error = match syscall::btf_load(&bytes, None) {
            Ok(descriptor) => return Ok(Some(Types { bytes, descriptor })),
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
                "core-relocation",
                "the object's accesses to kernel structures could not be fitted to this kernel",
            )
            .because(untrusted::printable(&cause))
        };
        let btf = self.kernel_btf().ok_or_else(|| {
            missing(format!(
                "this kernel has no BTF ({} is missing)",
                kernel::VMLINUX_BTF
            ))
            .fix("verify on a kernel that was built with CONFIG_DEBUG_INFO_BTF=y")
        })?;
        // The object's order is the machine's, or it would not have got here.
        let order = object.endianness;
        shield::step(|| {
            let btf = Btf::parse(btf, order).map_err(|error| relocate::chain(&error))?;
            object
                .relocate_btf(&btf)
                .map_err(|error| relocate::chain(&error))
        })
        .and_then(|result| result)
        .map_err(missing)
    }

    fn program(
        &self,
        image: &Image<'_>,
        maps: &Maps,
        types: Option<&Types>,
        program: &Program,
        linked: Linked,
    ) -> verdict::Program {
        let section = image
            .sections
            .get(&program.section_index)
            .map_or("", String::as_str);
        let hook = Hook::of_section(section);
        let instructions = linked
            .as_ref()
            .map_or(0, |function| function.instructions.len());
        let (verdict, statistics) = match self.request(section, hook, maps, linked) {
            Ok((hook, function, attach_btf_id)) => {
                self.load(program, hook, &function, attach_btf_id, types)
            }
            Err(verdict) => (*verdict, Statistics::default()),
        };
        verdict::Program {
            name: untrusted::name(&program.name),
            section: untrusted::name(section),
            program_type: hook.map_or_else(|| "unknown".to_owned(), Hook::type_name),
            instructions,
            verdict,
            statistics,
        }
    }

    /// What there is to load, or why nothing can be tried.
    fn request(
        &self,
        section: &str,
        hook: Option<&'static Hook>,
        maps: &Maps,
        linked: Linked,
    ) -> Result<(&'static Hook, Function, u32), Box<Verdict>> {
        let shown = untrusted::name(section);
        let hook = hook.ok_or_else(|| {
            not_tried(
                format!("the section name `{shown}` names no kind of program"),
                "see https://docs.kernel.org/bpf/libbpf/program_types.html for the names there are",
            )
        })?;
        let function = linked.map_err(|cause| {
            not_tried(
                format!(
                    "its calls or map references could not be resolved: {}",
                    untrusted::printable(&cause)
                ),
                "",
            )
        })?;
        if let Some(missing) = maps.missing_in(&function.instructions) {
            let lacks_rights = !self.kernel.capabilities.missing_for_bpf().is_empty();
            return Err(if lacks_rights {
                Box::new(Verdict::NoRights(self.no_rights()))
            } else {
                let message = "it uses a map that could not be made".to_owned();
                Box::new(Verdict::NotTried(finding(
                    NOT_TRIED,
                    message,
                    Some(&missing.message),
                    "",
                )))
            });
        }
        let attach_btf_id = self.attach_target(hook, section)?;
        Ok((hook, function, attach_btf_id))
    }

    /// The type of the kernel's BTF that the program is for; 0 if it is for none.
    fn attach_target(&self, hook: &Hook, section: &str) -> Result<u32, Box<Verdict>> {
        let (prefix, kind, what) = match hook.target {
            Target::AtAttach => return Ok(0),
            Target::Elsewhere(reason) => return Err(not_tried(reason.to_owned(), "")),
            Target::KernelType {
                prefix, kind, what, ..
            } => (prefix, kind, what),
        };
        let target = hook.target_name(section);
        let shown = untrusted::name(target);
        if target.is_empty() {
            return Err(not_tried(
                format!(
                    "the section name `{}` does not say which {what} it is for",
                    untrusted::name(section)
                ),
                "name it in the program's macro, such as #[fentry(function = \"..\")]",
            ));
        }
        let Some(btf) = self.kernel_btf() else {
            return Err(unsupported(
                format!(
                    "Linux {} has no BTF, which names the {what} `{shown}`",
                    self.release()
                ),
                "it was built without CONFIG_DEBUG_INFO_BTF",
                "use a kernel that was built with CONFIG_DEBUG_INFO_BTF=y",
            ));
        };
        type_id::find(btf, kind, &format!("{prefix}{target}")).ok_or_else(|| {
            unsupported(
                format!("Linux {} has no {what} `{shown}`", self.release()),
                &format!("its BTF ({}) does not name it", kernel::VMLINUX_BTF),
                "use another hook on this kernel, or a kernel that has it",
            )
        })
    }

    fn load(
        &self,
        program: &Program,
        hook: &Hook,
        function: &Function,
        attach_btf_id: u32,
        types: Option<&Types>,
    ) -> (Verdict, Statistics) {
        let load = ProgramLoad {
            name: &program.name,
            program_type: hook.program_type as u32,
            expected_attach_type: hook.expected_attach_type(),
            flags: hook.flags,
            instructions: &function.instructions,
            license: &program.program.license,
            kernel_version: program
                .program
                .kernel_version
                .unwrap_or_else(|| self.kernel.version.code()),
            attach_btf_id,
            types: types.map(|types| ProgramTypes {
                btf: types.descriptor.as_fd(),
                functions: &function.func_info.func_info,
                lines: &function.line_info.line_info,
            }),
        };
        match program::load(&load) {
            Answer::Accepted(statistics) => (Verdict::Accepted, statistics),
            Answer::Refused {
                error,
                log,
                truncated,
                statistics,
            } => {
                let rejection = rejection(program, function, types, &error, log, truncated);
                (Verdict::Refused(Box::new(rejection)), statistics)
            }
            Answer::Silent { error, whole_kind } => (
                self.silent(program, hook, &error, whole_kind),
                Statistics::default(),
            ),
        }
    }

    /// A refusal for which the verifier gave no reason.
    fn silent(
        &self,
        program: &Program,
        hook: &Hook,
        error: &io::Error,
        whole_kind: bool,
    ) -> Verdict {
        let kind = hook.type_name();
        let no_permission = error.raw_os_error() == Some(libc::EPERM);
        if no_permission && !self.kernel.capabilities.missing_for_bpf().is_empty() {
            return Verdict::NoRights(self.no_rights());
        }
        if no_permission && self.memlock.is_err() {
            let finding = Error::new(
                "memlock-limit",
                "the limit on locked memory leaves no room for BPF",
            )
            .because(format!(
                "Linux {} counts BPF against RLIMIT_MEMLOCK",
                self.release()
            ))
            .fix("ulimit -l unlimited");
            return Verdict::NotTried(finding.finding().clone());
        }
        if whole_kind && hook.needs_trampoline() {
            return *unsupported(
                format!(
                    "Linux {} refuses programs that need a BPF trampoline, as this one does",
                    self.release()
                ),
                &format!("{error}, also for the smallest program at this hook"),
                "use a tracepoint (tp_btf) on this kernel, or another kernel",
            );
        }
        if whole_kind {
            return *unsupported(
                format!(
                    "Linux {} does not take programs of type {kind} here",
                    self.release()
                ),
                &format!("{error}, also for the smallest program of this kind"),
                "use another hook on this kernel, or another kernel",
            );
        }
        let finding = Error::new(
            "verifier-refused",
            format!("the kernel refused `{}`", untrusted::name(&program.name)),
        )
        .because(format!(
            "{error}; it gave no reason, and takes the smallest program of this kind"
        ))
        .fix("compare the object's BTF and license with what the kernel wants");
        Verdict::Refused(Box::new(Rejection {
            finding: finding.finding().clone(),
            error: error.to_string(),
            excerpt: Vec::new(),
            omitted_lines: 0,
            log_truncated: false,
            log_file: None,
            log: String::new(),
        }))
    }

    fn no_rights(&self) -> Finding {
        let missing = self.kernel.capabilities.missing_for_bpf();
        let names: Vec<_> = missing.iter().map(|capability| capability.name()).collect();
        Error::new("no-rights", "this process may not load BPF programs")
            .because(format!("it has no {}", names.join(", ")))
            .fix("run the same command with sudo")
            .finding()
            .clone()
    }

    fn release(&self) -> String {
        untrusted::name(&self.kernel.release)
    }
}

/// Room for the kernel's reasons for refusing BTF: the log lists the types that it took
/// before, some 50 bytes each.
const BTF_LOG: usize = 1 << 20;

/// The code of findings about programs that never reached the kernel.
const NOT_TRIED: &str = "program-not-tried";

fn not_tried(message: String, fix: &str) -> Box<Verdict> {
    Box::new(Verdict::NotTried(finding(NOT_TRIED, message, None, fix)))
}

fn unsupported(message: String, cause: &str, fix: &str) -> Box<Verdict> {
    Box::new(Verdict::Unsupported(finding(
        "kernel-unsupported",
        message,
        Some(cause),
        fix,
    )))
}

fn finding(code: &'static str, message: String, cause: Option<&str>, fix: &str) -> Finding {
    let mut finding = Finding::error(code, message);
    finding.cause = cause.map(str::to_owned);
    finding.fix = (!fix.is_empty()).then(|| fix.to_owned());
    finding
}

fn rejection(
    program: &Program,
    function: &Function,
    types: Option<&Types>,
    error: &io::Error,
    log: String,
    log_truncated: bool,
) -> Rejection {
    let log = untrusted::printable(&log);
    let excerpt = Log::parse(&log).excerpt();
    let mut finding = Finding::error(
        "verifier-refused",
        format!("the verifier refused `{}`", untrusted::name(&program.name)),
    );
    finding.cause = Some(if excerpt.message.is_empty() {
        error.to_string()
    } else {
        excerpt.message.join("\n")
    });
    finding.place = excerpt
        .instruction
        .and_then(|instruction| source_place(function, types?, instruction));
    Rejection {
        finding,
        error: error.to_string(),
        excerpt: excerpt.lead,
        omitted_lines: excerpt.omitted,
        log_truncated,
        log_file: None,
        log,
    }
}

/// The source line of an instruction, from the line records of `.BTF.ext`: the last
/// one at or before it.
fn source_place(function: &Function, types: &Types, instruction: u32) -> Option<Place> {
    let record = function
        .line_info
        .line_info
        .iter()
        .filter(|record| record.insn_off <= instruction)
        .max_by_key(|record| record.insn_off)?;
    let file = type_id::string(&types.bytes, record.file_name_off)?;
    /// Line and column share a word: BPF_LINE_INFO_LINE_NUM in include/uapi/linux/bpf.h.
    const LINE_SHIFT: u32 = 10;
    Some(Place {
        file: untrusted::name(file).into(),
        line: Some(record.line_col >> LINE_SHIFT).filter(|&line| line > 0),
    })
}
