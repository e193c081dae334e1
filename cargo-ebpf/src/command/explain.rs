//! `explain`: what a class of rejections means, from the catalogue in the program, or
//! what a log means.

use std::path::Path;

use ebpf_base::untrusted;
use ebpf_build::{Error, Result};
use serde::Serialize;

use super::explain_log;
use crate::{
    cli::Explain,
    code::Code,
    context::Context,
    diagnosis::catalogue::{self, Class},
    object,
    outcome::Outcome,
    report::Report,
};

#[derive(Serialize)]
#[serde(untagged)]
enum Explained {
    Page(&'static Class),
    Code(Meaning),
    List { classes: Vec<Line> },
}

/// A code of an error or a finding that has no page.
#[derive(Serialize)]
struct Meaning {
    code: &'static str,
    meaning: &'static str,
}

/// A class in the list of all.
#[derive(Serialize)]
struct Line {
    code: &'static str,
    title: &'static str,
}

/// Runs the command.
pub(crate) fn run(request: &Explain, context: &Context) -> Result<Outcome> {
    if let Some(log) = &request.log {
        let object = request.subject.as_deref().map(Path::new);
        context.console.write(&explain_log::explain(log, object)?)?;
        return Ok(Outcome::Fine);
    }
    let explained = match &request.subject {
        Some(code) if !request.list => {
            let page = catalogue::class(code).map(Explained::Page);
            let meaning = || meaning(code).map(Explained::Code);
            page.or_else(meaning).ok_or_else(|| unknown(code))?
        }
        _ => Explained::List {
            classes: catalogue::classes()
                .map(|&Class { code, title, .. }| Line { code, title })
                .collect(),
        },
    };
    context.console.write(&explained)?;
    Ok(Outcome::Fine)
}

fn meaning(text: &str) -> Option<Meaning> {
    let own = Code::named(text).map(|code| (code.as_str(), code.meaning()));
    let build = || ebpf_build::Code::named(text).map(|code| (code.as_str(), code.meaning()));
    let kernels = || ebpf_kernels::Code::named(text).map(|code| (code.as_str(), code.meaning()));
    let object = || object::Code::named(text).map(|code| (code.as_str(), code.meaning()));
    let (code, meaning) = own.or_else(build).or_else(kernels).or_else(object)?;
    Some(Meaning { code, meaning })
}

fn unknown(code: &str) -> Error {
    let error = Error::new(
        Code::UnknownClass,
        format!(
            "there is no rejection class or code `{}`",
            untrusted::name(code)
        ),
    );
    match catalogue::nearest(code).as_slice() {
        [] => error.fix("cargo ebpf explain --list"),
        near @ [first, ..] => error
            .because(format!("the nearest are {}", near.join(", ")))
            .fix(format!("cargo ebpf explain {first}")),
    }
}

impl Report for Explained {
    fn human(&self) -> String {
        match self {
            Self::Page(class) => class.page.trim_end().to_owned(),
            Self::Code(Meaning { code, meaning }) => format!("{code}: {meaning}"),
            Self::List { classes } => {
                let width = classes.iter().map(|line| line.code.len()).max();
                let lines: Vec<_> = classes
                    .iter()
                    .map(|Line { code, title }| {
                        format!("{code:width$}  {title}", width = width.unwrap_or(0))
                    })
                    .collect();
                lines.join("\n")
            }
        }
    }
}
