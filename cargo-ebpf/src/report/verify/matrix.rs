//! Programs by kernels: who takes what, then each reason once.

use std::path::Path;

use ebpf_diagnosis::{
    diagnosis::{Diagnosis, Step},
    render::{self, source::Sources},
};

use super::{about, hot, human, reasons};
use crate::{
    report::table,
    verdict::{Object, OnKernel, Program, Verdict},
};

/// The text for all of it: an object after the other. Without `why`, what is not
/// accepted is as it is meant to be, and nobody asks why.
pub(super) fn human(kernels: &[OnKernel], why: bool) -> String {
    let count = kernels.iter().map(|kernel| kernel.objects.len()).max();
    let objects = (0..count.unwrap_or(0)).map(|number| {
        let on: Vec<_> = kernels
            .iter()
            .filter_map(|kernel| Some((kernel, kernel.objects.get(number)?)))
            .collect();
        object(&on, why)
    });
    let broken = kernels.iter().flat_map(|kernel| &kernel.findings);
    let parts: Vec<_> = objects.chain(broken.map(human::finding)).collect();
    parts.join("\n\n")
}

/// One object on all kernels.
fn object(on: &[(&OnKernel, &Object)], why: bool) -> String {
    let mut parts = vec![table(on)];
    for (_, object) in on.iter().filter(|_| why) {
        let whole = object.findings.iter().map(|finding| about(object, finding));
        for text in whole.chain(reasons(&object.programs)) {
            // What has nothing to do with the kernel is said once.
            if !parts.contains(&text) {
                parts.push(text);
            }
        }
    }
    if why {
        parts.extend(rejections(on));
    }
    for (kernel, object) in on {
        parts.extend(hot::of(&object.programs, &kernel.name()));
    }
    parts.join("\n\n")
}

/// Each rejection once, as the last of the kernels with it reports it.
fn rejections(on: &[(&OnKernel, &Object)]) -> Vec<String> {
    let mut rejections: Vec<(&Diagnosis, Vec<&str>)> = Vec::new();
    for (kernel, object) in on {
        for program in &object.programs {
            let Verdict::Rejected(rejection) = &program.verdict else {
                continue;
            };
            let diagnosis = &rejection.diagnosis;
            match rejections
                .iter_mut()
                .find(|(known, _)| is_same(known, diagnosis))
            {
                Some((known, kernels)) => {
                    *known = diagnosis;
                    kernels.push(&kernel.kernel);
                }
                None => rejections.push((diagnosis, vec![&kernel.kernel])),
            }
        }
    }
    let name = on.first().map_or("", |(_, object)| &object.object);
    let sources = Sources::around(Path::new(name));
    rejections
        .into_iter()
        .map(|(diagnosis, kernels)| {
            format!(
                "{}\n   = rejected for this reason on: {}",
                render::human(diagnosis, &sources),
                kernels.join(", ")
            )
        })
        .collect()
}

/// Whether two kernels reject the same program for the same thing at the same place.
fn is_same(one: &Diagnosis, other: &Diagnosis) -> bool {
    let key = |diagnosis: &'_ Diagnosis| {
        let place = diagnosis.instruction.as_ref().and_then(Step::place);
        (
            diagnosis.program.clone(),
            diagnosis.code,
            place.map(|frame| (frame.file.clone(), frame.line)),
        )
    };
    key(one) == key(other)
}

fn table(on: &[(&OnKernel, &Object)]) -> String {
    let name = on.first().map_or("", |(_, object)| object.object.as_str());
    let rows = rows(on);
    if rows.is_empty() {
        return format!("{name}: no program could be loaded on any kernel");
    }
    let header = ["program".to_owned(), "section".to_owned()]
        .into_iter()
        .chain(on.iter().map(|(kernel, _)| kernel.kernel.clone()));
    let mut table = table::new(header, ..0);
    for row in rows {
        let verdicts = on
            .iter()
            .map(|(_, object)| find(object, row).map_or("-", |program| program.label()));
        table.add_row([row.0, row.1].into_iter().chain(verdicts));
    }
    format!("{name}:\n{}", table::flush_left(table))
}

/// Name and section of each program, in the order of the kernel that saw most of them.
fn rows<'a>(on: &[(&OnKernel, &'a Object)]) -> Vec<(&'a str, &'a str)> {
    let most = on.iter().max_by_key(|(_, object)| object.programs.len());
    most.into_iter()
        .flat_map(|(_, object)| &object.programs)
        .map(|program| (program.name.as_str(), program.section.as_str()))
        .collect()
}

fn find<'a>(object: &'a Object, row: (&str, &str)) -> Option<&'a Program> {
    object
        .programs
        .iter()
        .find(|program| (program.name.as_str(), program.section.as_str()) == row)
}
