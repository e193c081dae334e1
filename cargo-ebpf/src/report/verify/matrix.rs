//! Programs by kernels: who takes what, then each reason once.

use comfy_table::{Table, presets};

use super::{OnKernel, about, human, refusals};
use crate::verifier::verdict::{Object, Program};

/// The text for all of it: an object after the other.
pub(super) fn human(kernels: &[OnKernel]) -> String {
    let count = kernels.iter().map(|kernel| kernel.objects.len()).max();
    let objects = (0..count.unwrap_or(0)).map(|number| {
        let on: Vec<_> = kernels
            .iter()
            .filter_map(|kernel| Some((kernel, kernel.objects.get(number)?)))
            .collect();
        object(&on)
    });
    let broken = kernels.iter().flat_map(|kernel| &kernel.findings);
    let parts: Vec<_> = objects.chain(broken.map(human::finding)).collect();
    parts.join("\n\n")
}

/// One object on all kernels.
fn object(on: &[(&OnKernel, &Object)]) -> String {
    let mut parts = vec![table(on)];
    let mut findings: Vec<(String, Vec<&str>)> = Vec::new();
    for (kernel, object) in on {
        let texts = object.findings.iter().map(|finding| about(object, finding));
        for text in texts.chain(refusals(&object.programs)) {
            match findings.iter_mut().find(|(other, _)| *other == text) {
                Some((_, kernels)) => kernels.push(&kernel.kernel),
                None => findings.push((text, vec![&kernel.kernel])),
            }
        }
    }
    parts.extend(
        findings
            .into_iter()
            .map(|(text, kernels)| format!("on {}: {text}", kernels.join(", "))),
    );
    parts.join("\n\n")
}

fn table(on: &[(&OnKernel, &Object)]) -> String {
    let name = on.first().map_or("", |(_, object)| object.object.as_str());
    let rows = rows(on);
    if rows.is_empty() {
        return format!("{name}: no program could be tried");
    }
    let mut table = Table::new();
    // Never folded to the terminal's width: a row is a line, for grep as for people.
    let header = ["program".to_owned(), "section".to_owned()]
        .into_iter()
        .chain(on.iter().map(|(kernel, _)| kernel.kernel.clone()));
    table
        .load_style(presets::NOTHING)
        .force_no_tty()
        .set_header(header);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for row in rows {
        let verdicts = on
            .iter()
            .map(|(_, object)| find(object, row).map_or("-", |program| program.label()));
        table.add_row([row.0, row.1].into_iter().chain(verdicts));
    }
    format!("{name}:\n{}", table.trim_fmt())
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
