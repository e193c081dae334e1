//! From what a kernel did with an object to verdicts with the fact, the cause, and
//! the fix. The kernel need not be this machine's, and is not asked.

use ebpf_base::untrusted;
use ebpf_diagnosis::diagnosis::{self, Source};

use super::{Object, Program, Rejection, Verdict};
use crate::verifier::observation::{self, Event, ProgramInfo, VerifierLog};

/// What all that was observed of the object called `name` amounts to. `source` is the
/// object, `optional` names its programs that may be left out, `kernel` is the release of the
/// one that was asked.
pub(crate) fn object(
    name: &str,
    source: &Source<'_>,
    optional: &[String],
    kernel: &str,
    events: Vec<Event>,
) -> Object {
    let mut object = Object {
        object: untrusted::name(name),
        programs: Vec::new(),
        findings: Vec::new(),
        loader: None,
        loader_given: false,
        bpftool: None,
    };
    for event in events {
        match event {
            Event::Trying(_) | Event::Decided(_) => {}
            Event::Tried(tried) => {
                let optional = optional.contains(&tried.subject.name);
                object
                    .programs
                    .push(program(tried, optional, source, kernel));
            }
            Event::Found(finding) => object.findings.push(finding),
        }
    }
    // Without rights nothing else is worth saying.
    let no_rights = |program: &Program| matches!(program.verdict, Verdict::PermissionDenied(_));
    if object.programs.iter().any(no_rights) {
        object.findings.clear();
    }
    object
}

fn program(
    tried: observation::Program,
    optional: bool,
    source: &Source<'_>,
    kernel: &str,
) -> Program {
    let subject = tried.subject;
    Program {
        optional,
        verdict: tried
            .outcome
            .map_rejection(|log| Box::new(rejection(&subject, log, source, kernel))),
        name: untrusted::name(&subject.name),
        section: untrusted::name(&subject.section),
        program_type: subject.program_type,
        instructions: subject.instructions,
        attach: tried.attach,
        hot: tried
            .visits
            .as_ref()
            .map(|visits| source.hot(&subject.name, &subject.section, visits)),
        statistics: tried.statistics,
    }
}

fn rejection(
    subject: &ProgramInfo,
    log: VerifierLog,
    source: &Source<'_>,
    kernel: &str,
) -> Rejection {
    let rejection = diagnosis::Rejection::of_log(&log.log)
        .program(&subject.name, &subject.section)
        .kernel(kernel)
        .error(log.errno)
        .truncated(log.truncated);
    let mut diagnosis = source.diagnose(&rejection);
    if log.log.is_empty() {
        let error = std::io::Error::from_raw_os_error(log.errno);
        diagnosis.message = vec![format!(
            "the kernel returned `{error}` without a verifier log, although it accepts a minimal \
             program of this type"
        )];
        diagnosis.hint = Some("check the object's BTF and license");
    }
    Rejection {
        diagnosis,
        log: untrusted::lines(&log.log).into_owned(),
    }
}
