//! From what a kernel did with an object to verdicts that say the fact, the cause, and
//! what mends it. The kernel need not be this machine's, and is not asked.

use ebpf_build::Finding;

use super::{
    log::Log,
    observation::{self, Event, Outcome, Refusal},
    verdict::{Object, Program, Rejection, Verdict},
};
use crate::untrusted;

/// The code of findings about programs that the verifier or the kernel refused.
const REFUSED: &str = "verifier-refused";

/// What all that was observed of the object called `name` amounts to.
pub(crate) fn object(name: &str, events: Vec<Event>) -> Object {
    let mut object = Object {
        object: untrusted::name(name),
        programs: Vec::new(),
        findings: Vec::new(),
        bpftool: None,
    };
    for event in events {
        match event {
            Event::Trying(_) => {}
            Event::Tried(tried) => object.programs.push(program(tried)),
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

fn program(tried: observation::Program) -> Program {
    let subject = tried.subject;
    Program {
        verdict: match tried.outcome {
            Outcome::Accepted => Verdict::Accepted,
            Outcome::Refused(refusal) => {
                Verdict::Refused(Box::new(rejection(&subject.name, refusal)))
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
        statistics: tried.statistics,
    }
}

fn rejection(program: &str, refusal: Refusal) -> Rejection {
    let error = std::io::Error::from_raw_os_error(refusal.errno);
    let program = untrusted::name(program);
    let log = untrusted::lines(&refusal.log).into_owned();
    let excerpt = Log::parse(&log).excerpt();
    let finding = if log.is_empty() {
        Finding::error(REFUSED, format!("the kernel refused `{program}`"))
            .because(format!(
                "{error}; it gave no reason, and takes the smallest program of this kind"
            ))
            .fix("compare the object's BTF and license with what the kernel wants")
    } else {
        let cause = match excerpt.message.as_slice() {
            [] => error.to_string(),
            lines => lines.join("\n"),
        };
        Finding::error(REFUSED, format!("the verifier refused `{program}`")).because(cause)
    };
    Rejection {
        finding,
        error: error.to_string(),
        excerpt: excerpt.lead,
        omitted_lines: excerpt.omitted,
        log_truncated: refusal.truncated,
        log_file: None,
        log,
    }
}
