//! What `verify` found, as a table, and each rejection in the look of rustc's errors.

mod budget;
mod hot;
mod matrix;

pub(crate) use budget::Held;

use std::path::Path;

use ebpf_build::Finding;
use ebpf_diagnosis::render::{self, source::Sources};
use serde::Serialize;

use super::{Report, human, table};
use crate::{
    code::Code,
    outcome::Outcome,
    verdict::{Object, OnKernel, Program, Verdict},
    verifier::{bpftool, observation::Attach},
};

/// The result of `verify`.
#[derive(Debug, Serialize)]
pub(crate) struct Verification {
    /// What each kernel said, in the order in which they were named.
    pub kernels: Vec<OnKernel>,
    /// What came of holding it against `ebpf.lock`, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Held>,
}

impl Report for Verification {
    fn human(&self) -> String {
        let verdicts = match self.kernels.as_slice() {
            [kernel] => kernel.human(),
            kernels => matrix::human(kernels, !self.is_as_committed()),
        };
        match &self.budget {
            Some(held) => format!("{verdicts}\n\n{}", held.human()),
            None => verdicts,
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for kernel in &self.kernels {
            findings.extend(kernel.findings.iter().cloned());
            for object in &kernel.objects {
                findings.extend(object.findings.iter().cloned());
                let programs = object.programs.iter();
                findings.extend(programs.filter_map(|program| finding(object, program)));
            }
        }
        findings.extend(self.budget.iter().flat_map(Held::findings));
        let mut distinct = Vec::new();
        for finding in findings {
            if !distinct.contains(&finding) {
                distinct.push(finding);
            }
        }
        distinct
    }
}

impl Verification {
    /// Whether every verdict is the one in `ebpf.lock`.
    fn is_as_committed(&self) -> bool {
        self.budget.as_ref().is_some_and(Held::has_all_verdicts)
    }

    /// Fine only if every kernel would run every program of every object; or, where that
    /// is held against `ebpf.lock`, if all is as it says.
    pub(crate) fn outcome(&self) -> Outcome {
        let fine = match &self.budget {
            Some(held) => {
                held.is_fine() && self.kernels.iter().all(|kernel| kernel.findings.is_empty())
            }
            None => self.kernels.iter().all(OnKernel::is_fine),
        };
        if fine { Outcome::Fine } else { Outcome::Found }
    }

    /// Whether nothing could be asked of the kernel: this process may not load programs.
    pub(crate) fn lacks_rights(&self) -> bool {
        let denied = |program: &Program| matches!(program.verdict, Verdict::PermissionDenied(_));
        // An object without programs is one that could not be read.
        self.objects()
            .all(|object| !object.programs.is_empty() && object.programs.iter().all(denied))
    }

    fn objects(&self) -> impl Iterator<Item = &Object> {
        self.kernels.iter().flat_map(|kernel| &kernel.objects)
    }

    /// The programs of all objects that were accepted.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = &Program> {
        let programs = self.objects().flat_map(|object| &object.programs);
        programs.filter(|program| matches!(program.verdict, Verdict::Accepted))
    }

    /// What concerns objects as a whole.
    pub(crate) fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.objects().flat_map(|object| &object.findings)
    }
}

impl OnKernel {
    fn human(&self) -> String {
        let objects = self.objects.iter().map(|object| self.object(object));
        let kernel = self.findings.iter().map(human::finding);
        objects
            .chain(kernel)
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("\n\n")
    }

    fn object(&self, object: &Object) -> String {
        let mut parts = Vec::new();
        if !object.programs.is_empty() {
            let accepted = object
                .programs
                .iter()
                .filter(|program| matches!(program.verdict, Verdict::Accepted))
                .count();
            let loader = object.loader.filter(|_| object.loader_given);
            parts.push(format!(
                "{}: {} accepts {accepted} of {} programs{}\n{}",
                object.object,
                self.name(),
                object.programs.len(),
                loader.map_or_else(String::new, |loader| format!(", loaded as by {loader}")),
                table(&object.programs)
            ));
        }
        parts.extend(object.findings.iter().map(|finding| about(object, finding)));
        parts.extend(rejections(
            &object.programs,
            &Sources::around(Path::new(&object.object)),
        ));
        parts.extend(reasons(&object.programs));
        parts.extend(hot::of(&object.programs, &self.name()));
        parts.extend(
            object
                .bpftool
                .as_ref()
                .map(|answer| libbpf(&object.object, answer)),
        );
        parts.join("\n\n")
    }
}

/// Why a program was not accepted, or not attached, at the place to mend.
fn finding(object: &Object, program: &Program) -> Option<Finding> {
    if let Verdict::Rejected(rejection) = &program.verdict
        && !program.is_left_out()
    {
        let sources = Sources::around(Path::new(&object.object));
        return Some(render::finding(&rejection.diagnosis, &sources));
    }
    let mut finding = reason(program)?.clone();
    finding.message = format!("`{}`: {}", program.name, finding.message);
    Some(finding)
}

/// Why a program was not accepted, or not attached. A rejection has a diagnosis instead.
fn reason(program: &Program) -> Option<&Finding> {
    match (&program.verdict, &program.attach) {
        _ if program.is_left_out() => None,
        (Verdict::Rejected(_), _) | (Verdict::Accepted, None | Some(Attach::Attached)) => None,
        (Verdict::Accepted, Some(Attach::Refused(finding) | Attach::NotTried(finding)))
        | (
            Verdict::Unsupported(finding)
            | Verdict::NotLinked(finding)
            | Verdict::Skipped(finding)
            | Verdict::PermissionDenied(finding)
            | Verdict::Crashed(finding)
            | Verdict::TimedOut(finding),
            _,
        ) => Some(finding),
    }
}

/// A finding about a whole object, which it names.
fn about(object: &Object, finding: &Finding) -> String {
    let mut finding = finding.clone();
    if !finding.message.contains(&object.object) {
        finding.message = format!("{}: {}", object.object, finding.message);
    }
    human::finding(&finding)
}

fn table(programs: &[Program]) -> String {
    let mut table = table::new(
        [
            "program",
            "section",
            "verdict",
            "insns",
            "states",
            "peak",
            "stack",
            "JIT bytes",
            "time",
        ],
        3..,
    );
    for program in programs {
        let statistics = &program.statistics;
        table.add_row([
            program.name.clone(),
            program.section.clone(),
            program.label().to_owned(),
            figure(statistics.processed_instructions),
            figure(statistics.total_states),
            figure(statistics.peak_states),
            statistics
                .stack_depths
                .as_deref()
                .map_or_else(absent, stack),
            figure(statistics.jit_bytes),
            statistics
                .verification_us
                .map_or_else(absent, |us| format!("{us} µs")),
        ]);
    }
    table::flush_left(table)
}

fn absent() -> String {
    "-".to_owned()
}

fn figure(number: Option<impl ToString>) -> String {
    number.map_or_else(absent, |number| number.to_string())
}

/// Bytes of stack as the kernel writes them: of each function, joined by plus signs.
fn stack(depths: &[u32]) -> String {
    depths
        .iter()
        .map(u32::to_string)
        .collect::<Vec<_>>()
        .join("+")
}

/// A text for each program that was rejected.
fn rejections(programs: &[Program], sources: &Sources) -> Vec<String> {
    programs
        .iter()
        .filter_map(|program| match &program.verdict {
            Verdict::Rejected(rejection) => Some(render::human(&rejection.diagnosis, sources)),
            _ => None,
        })
        .collect()
}

/// Why other programs were not accepted; those that share a reason share its text.
fn reasons(programs: &[Program]) -> Vec<String> {
    let mut shared: Vec<(&Finding, Vec<String>)> = Vec::new();
    for program in programs {
        let Some(finding) = reason(program) else {
            continue;
        };
        let name = format!("`{}`", program.name);
        match shared.iter_mut().find(|(other, _)| *other == finding) {
            Some((_, names)) => names.push(name),
            None => shared.push((finding, vec![name])),
        }
    }
    let texts = shared.into_iter().map(|(finding, names)| {
        let mut finding = finding.clone();
        finding.message = format!("{}: {}", names.join(", "), finding.message);
        human::finding(&finding)
    });
    texts.collect()
}

fn omitted(lines: usize) -> String {
    format!(
        "{lines} {} omitted",
        if lines == 1 { "line" } else { "lines" }
    )
}

fn libbpf(object: &str, answer: &bpftool::Answer) -> String {
    /// libbpf prints whole logs; the reason is at their end.
    const LINES: usize = 20;
    let Some(said) = &answer.said else {
        return format!("libbpf (bpftool prog loadall) accepts {object}");
    };
    let lines: Vec<_> = said.lines().collect();
    let (before, end) = lines.split_at(lines.len().saturating_sub(LINES));
    let mut shown = end.join("\n");
    if !before.is_empty() {
        shown = format!("... {}\n{shown}", omitted(before.len()));
    }
    human::finding(
        &Finding::error(
            Code::LibbpfRefused,
            format!("libbpf (bpftool prog loadall) rejects {object}"),
        )
        .because(shown),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict;

    fn program(name: &str, verdict: Verdict) -> Program {
        Program {
            name: name.to_owned(),
            section: "xdp".to_owned(),
            program_type: "xdp".to_owned(),
            instructions: 2,
            optional: false,
            verdict,
            attach: None,
            statistics: Default::default(),
            hot: None,
        }
    }

    fn kernel(object: Object) -> OnKernel {
        OnKernel {
            kernel: "host".to_owned(),
            architecture: None,
            release: Some("6.18".to_owned()),
            version: None,
            guest: None,
            seconds: 0.1,
            objects: vec![object],
            findings: Vec::new(),
        }
    }

    #[test]
    fn an_object_that_cannot_be_read_is_not_one_without_rights() {
        let unreadable = Object {
            object: "x".to_owned(),
            programs: Vec::new(),
            findings: vec![Finding::error("object-unreadable", "x cannot be read")],
            loader: None,
            loader_given: false,
            bpftool: None,
        };
        let verification = Verification {
            kernels: vec![kernel(unreadable)],
            budget: None,
        };
        assert!(!verification.lacks_rights());
        assert_eq!(verification.outcome(), Outcome::Found);
    }

    #[test]
    fn programs_that_share_a_reason_share_its_text() {
        let finding = || {
            Finding::error(
                "no-rights",
                "this process is not permitted to load BPF programs",
            )
        };
        let texts = reasons(&[
            program("a", Verdict::PermissionDenied(finding())),
            program("b", Verdict::Accepted),
            program("c", Verdict::PermissionDenied(finding())),
        ]);
        assert_eq!(texts.len(), 1);
        assert!(texts[0].contains("`a`, `c`: this process"), "{texts:?}");
    }

    #[test]
    fn an_optional_program_is_left_out_where_the_kernel_has_no_place_for_it() {
        let unsupported = |optional| Program {
            optional,
            ..program(
                "a",
                Verdict::Unsupported(Finding::error("attach-target", "no such tracepoint")),
            )
        };
        let outcome = |programs: Vec<Program>| {
            let kernels = vec![kernel(Object {
                object: "x".to_owned(),
                programs,
                findings: Vec::new(),
                loader: None,
                loader_given: false,
                bpftool: None,
            })];
            let verification = Verification {
                kernels,
                budget: None,
            };
            let text = verification.human();
            assert!(text.contains("not supported"), "{text}");
            (
                verification.outcome(),
                Report::findings(&verification).len(),
                text,
            )
        };
        let (left_out, findings, text) = outcome(vec![unsupported(true)]);
        assert_eq!((left_out, findings), (Outcome::Fine, 0));
        assert!(!text.contains("error"), "{text}");
        let (missing, findings, text) = outcome(vec![unsupported(false)]);
        assert_eq!((missing, findings), (Outcome::Found, 1));
        assert!(text.contains("error[attach-target]"), "{text}");

        let other = Program {
            optional: true,
            ..program("a", Verdict::Skipped(Finding::error("x", "no")))
        };
        assert!(!other.is_left_out(), "for no other reason");
    }

    #[test]
    fn an_absent_figure_is_a_dash_and_no_number() {
        let text = table(&[program("a", Verdict::Accepted)]);
        assert!(
            text.lines()
                .nth(1)
                .is_some_and(|row| row.matches('-').count() == 6),
            "{text}"
        );
    }

    #[test]
    fn json_names_the_verdict_and_why() -> serde_json::Result<()> {
        let finding = Finding::error("kernel-unsupported", "no");
        let report = Verification {
            kernels: vec![kernel(verdict::Object {
                object: "o".to_owned(),
                programs: vec![
                    program("a", Verdict::Accepted),
                    program("b", Verdict::Unsupported(finding)),
                ],
                findings: Vec::new(),
                loader: None,
                loader_given: false,
                bpftool: None,
            })],
            budget: None,
        };
        let json = &serde_json::to_value(&report)?["kernels"][0];
        assert_eq!(json["kernel"], "host");
        assert_eq!(json["objects"][0]["programs"][0]["verdict"], "accepted");
        assert_eq!(json["objects"][0]["programs"][1]["verdict"], "unsupported");
        assert_eq!(
            json["objects"][0]["programs"][1]["why"]["code"],
            "kernel-unsupported"
        );
        Ok(())
    }
}
