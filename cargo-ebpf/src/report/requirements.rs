//! How `requirements` says which kernel an object needs.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anstyle::{AnsiColor, Style as Ansi};
use ebpf_build::KernelVersion;
use ebpf_object::{
    Name,
    requirements::{self, Kind, Prediction, Requirement, Stage, source_line},
};
use serde::Serialize;

use super::{Report, human::counted, table};

/// The result of `requirements`.
#[derive(Debug, Serialize)]
pub(crate) struct Requirements {
    pub(crate) objects: Vec<ObjectNeeds>,
    /// The folder that source paths are shown relative to.
    #[serde(skip)]
    pub(crate) here: PathBuf,
}

/// One object, and what it needs.
#[derive(Debug, Serialize)]
pub(crate) struct ObjectNeeds {
    pub(crate) object: Name,
    #[serde(flatten)]
    needs: requirements::Requirements,
    /// What the kernels that were asked about will make of each program.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kernels: Vec<KernelPrediction>,
}

/// What a kernel will make of each program, in their order.
#[derive(Debug, Serialize)]
struct KernelPrediction {
    kernel: String,
    programs: Vec<ProgramPrediction>,
}

#[derive(Debug, Serialize)]
struct ProgramPrediction {
    program: Name,
    load: Predicted,
    attach: Predicted,
}

#[derive(Debug, Serialize)]
#[serde(tag = "prediction", rename_all = "kebab-case")]
enum Predicted {
    Supported,
    Lacks { kind: Kind, name: Name },
    Unknown { kind: Kind, name: Name },
}

impl From<Prediction<'_>> for Predicted {
    fn from(prediction: Prediction<'_>) -> Self {
        match prediction {
            Prediction::Supported => Self::Supported,
            Prediction::Lacks(Requirement { kind, name, .. }) => Self::Lacks {
                kind: *kind,
                name: name.clone(),
            },
            Prediction::Unknown(Requirement { kind, name, .. }) => Self::Unknown {
                kind: *kind,
                name: name.clone(),
            },
        }
    }
}

impl ObjectNeeds {
    /// Adds what `kernels` will make of it.
    pub(crate) fn new(
        object: Name,
        needs: requirements::Requirements,
        kernels: &[KernelVersion],
    ) -> Self {
        let program = |name: &Name, kernel| ProgramPrediction {
            program: name.clone(),
            load: needs.predict(name.as_str(), kernel, Stage::Load).into(),
            attach: needs.predict(name.as_str(), kernel, Stage::Attach).into(),
        };
        let kernels = kernels
            .iter()
            .map(|kernel| KernelPrediction {
                kernel: kernel.to_string(),
                programs: needs
                    .programs
                    .iter()
                    .map(|needed| program(&needed.name, *kernel))
                    .collect(),
            })
            .collect();
        Self {
            object,
            needs,
            kernels,
        }
    }
}

impl ProgramPrediction {
    /// The first thing that stands in the way.
    fn words(&self) -> String {
        match (&self.load, &self.attach) {
            (Predicted::Lacks { name, .. }, _) => format!("lacks {name}"),
            (_, Predicted::Lacks { name, .. }) => format!("loads, cannot attach: no {name}"),
            (Predicted::Unknown { name, .. }, _) => format!("unknown: {name}"),
            (_, Predicted::Unknown { name, .. }) => format!("loads, attach unknown: {name}"),
            (Predicted::Supported, Predicted::Supported) => "supported".to_owned(),
        }
    }
}

/// The look of what a thing is called.
const NAME: Ansi = AnsiColor::Cyan.on_default().bold();
/// The look of the answer.
const ANSWER: Ansi = Ansi::new().bold();
/// The look of what is unknown.
const UNKNOWN: Ansi = AnsiColor::Yellow.on_default().bold();

impl Report for Requirements {
    fn human(&self) -> String {
        let objects: Vec<_> = self
            .objects
            .iter()
            .map(|object| {
                let mut text = String::new();
                // Writing to a String cannot fail.
                let _ = write_object(&mut text, object, &self.here);
                text.truncate(text.trim_end().len());
                text
            })
            .collect();
        objects.join("\n\n")
    }
}

/// Which kernels can load the object, and the first line of the source that asks for this:
/// `needs Linux 5.19: src/main.rs:31 attaches to contention_begin`.
pub(crate) fn headline(needs: &requirements::Requirements, here: &Path) -> String {
    let impossible = needs.required().find(|found| found.impossible);
    if let Some(impossible) = impossible {
        return format!(
            "cannot be loaded by any kernel: {}",
            impossible.reason(here)
        );
    }
    let end = needs.ends().next().map(|end| {
        let gone = end
            .gone
            .map_or_else(String::new, |gone| gone.by.to_string());
        format!("{}, which Linux {gone} lacks", end.reason(here))
    });
    let (Some(release), last) = (needs.release, needs.last) else {
        return match (needs.last, end) {
            (Some(last), Some(end)) => format!("needs Linux {last} or older: {end}"),
            _ => "needs no particular Linux release".to_owned(),
        };
    };
    if let (Some(last), Some(end)) = (last, end) {
        return if release > last {
            format!(
                "cannot be loaded by any kernel: the object needs Linux {release} or newer, and {end}"
            )
        } else {
            format!("needs Linux {release} to {last}: {end}")
        };
    }
    match needs.reasons().next() {
        Some(first) => {
            let more = match needs.reasons().count() {
                0 | 1 => String::new(),
                count => format!(" (and {} more)", count - 1),
            };
            format!("needs Linux {release}: {}{more}", first.reason(here))
        }
        None => format!("needs Linux {release}"),
    }
}

fn since(requirement: &Requirement) -> String {
    match requirement.since {
        Some(since) if requirement.gone.is_some() => {
            let last = requirement
                .last()
                .map_or_else(String::new, |last| last.to_string());
            format!("{since}; up to {last}")
        }
        Some(since) => since.to_string(),
        None if requirement.impossible => "never".to_owned(),
        None => "unknown".to_owned(),
    }
}

fn write_object(out: &mut String, object: &ObjectNeeds, here: &Path) -> std::fmt::Result {
    let needs = &object.needs;
    writeln!(
        out,
        "{NAME}{}{NAME:#} {ANSWER}{}{ANSWER:#}",
        object.object,
        headline(needs, here)
    )?;
    for unknown in needs.unknown().filter(|unknown| !unknown.impossible) {
        let answer = match unknown.in_btf {
            Some(true) => "the given kernel has it",
            Some(false) => "the given kernel lacks it",
            None => "not in the tables of cargo-ebpf",
        };
        writeln!(
            out,
            "  {UNKNOWN}unknown{UNKNOWN:#}: {}: {answer}",
            unknown.reason(here)
        )?;
    }
    if !object.kernels.is_empty() {
        writeln!(out)?;
        let kernels = object.kernels.iter().map(|kernel| kernel.kernel.clone());
        let titles = std::iter::once("program".to_owned()).chain(kernels);
        let mut predicted = table::new(titles, ..0);
        for (index, program) in needs.programs.iter().enumerate() {
            let cells = object
                .kernels
                .iter()
                .filter_map(|kernel| kernel.programs.get(index));
            let name = program.name.demangled().to_string();
            predicted.add_row(std::iter::once(name).chain(cells.map(ProgramPrediction::words)));
        }
        out.push_str(&table::indented(&predicted));
    }
    if needs.programs.len() > 1 {
        writeln!(out)?;
        let mut programs = table::new(["needs", "program", "if removed"], ..0);
        for program in &needs.programs {
            let release = |release: Option<KernelVersion>| {
                release.map_or_else(String::new, |release| release.to_string())
            };
            programs.add_row([
                match program.last {
                    Some(last) => format!("{} to {last}", release(program.release)),
                    None => release(program.release),
                },
                program.name.demangled().to_string(),
                if program.optional {
                    "optional".to_owned()
                } else {
                    release(program.without)
                },
            ]);
        }
        out.push_str(&table::indented(&programs));
    }
    write_list(
        out,
        "",
        needs.requirements.iter().filter(|one| one.binds()),
        here,
    )?;
    write_list(
        out,
        "not required: Aya and libbpf have a fallback on older kernels:",
        needs.requirements.iter().filter(|one| !one.binds()),
        here,
    )?;
    let notes: Vec<_> = needs
        .requirements
        .iter()
        .filter_map(|one| Some((one, one.also?)))
        .collect();
    if !notes.is_empty() {
        writeln!(out)?;
    }
    for (requirement, also) in notes {
        writeln!(
            out,
            "note: programs of type {} also need {also}",
            requirement.name
        )?;
    }
    Ok(())
}

fn write_list<'a>(
    out: &mut String,
    title: &str,
    requirements: impl Iterator<Item = &'a Requirement>,
    here: &Path,
) -> std::fmt::Result {
    let requirements: Vec<_> = requirements.collect();
    if requirements.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    if !title.is_empty() {
        writeln!(out, "{title}")?;
    }
    let looked_up = requirements.iter().any(|one| one.in_btf.is_some());
    let mut columns = vec!["since", "what", "", "line"];
    if looked_up {
        columns.push("in --btf");
    }
    let mut list = table::new(columns, ..0);
    for requirement in requirements {
        let mut row = vec![
            since(requirement),
            requirement.kind.to_string(),
            match requirement.stage {
                Stage::Attach if requirement.binds() => format!("{} (to attach)", requirement.name),
                _ => requirement.name.to_string(),
            },
            lines(requirement, here),
        ];
        if looked_up {
            row.push(
                match requirement.in_btf {
                    Some(true) => "there",
                    Some(false) => "absent",
                    None => "",
                }
                .to_owned(),
            );
        }
        list.add_row(row);
    }
    out.push_str(&table::indented(&list));
    Ok(())
}

/// The first line, and how many more there are.
fn lines(requirement: &Requirement, here: &Path) -> String {
    let mut places = requirement.places.iter();
    let Some(first) = places.next() else {
        let programs = requirement
            .programs
            .iter()
            .map(|name| name.demangled().to_string());
        return programs.collect::<Vec<_>>().join(", ");
    };
    match places.count() {
        0 => source_line(first, here),
        more => format!("{} and {}", source_line(first, here), counted(more, "line")),
    }
}
