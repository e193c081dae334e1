//! From what a kernel did with an object to verdicts that say the fact, the cause, and
//! what mends it. The kernel need not be this machine's, and is not asked.

use ebpf_base::untrusted;

use super::{
    observation::{self, Event, Outcome, Refusal, Subject},
    verdict::{Object, Program, Rejection, Verdict},
};
use crate::diagnosis::{self, Source};

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
        bpftool: None,
    };
    for event in events {
        match event {
            Event::Trying(_) => {}
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
    let no_rights = |program: &Program| matches!(program.verdict, Verdict::NoRights(_));
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
        verdict: match tried.outcome {
            Outcome::Accepted => Verdict::Accepted,
            Outcome::Refused(refusal) => {
                Verdict::Refused(Box::new(rejection(&subject, refusal, source, kernel)))
            }
            Outcome::Unsupported(finding) => Verdict::Unsupported(finding),
            Outcome::NotTried(finding) => Verdict::NotTried(finding),
            Outcome::NoRights(finding) => Verdict::NoRights(finding),
            Outcome::Broke(finding) => Verdict::Broke(finding),
        },
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

fn rejection(subject: &Subject, refusal: Refusal, source: &Source<'_>, kernel: &str) -> Rejection {
    let mut diagnosis = source.diagnose(&diagnosis::Refusal {
        program: &subject.name,
        section: &subject.section,
        kernel,
        error: refusal.errno,
        log: &refusal.log,
        truncated: refusal.truncated,
    });
    if refusal.log.is_empty() {
        let error = std::io::Error::from_raw_os_error(refusal.errno);
        diagnosis.message = vec![format!(
            "{error}: it gave no reason, and takes the smallest program of this kind"
        )];
        diagnosis.hint = Some("compare the object's BTF and license with what the kernel wants");
    }
    Rejection {
        diagnosis,
        log: untrusted::lines(&refusal.log).into_owned(),
    }
}
