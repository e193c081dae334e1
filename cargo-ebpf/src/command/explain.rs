//! `explain`: what a class of rejections means, from the catalogue in the program, or
//! what a log means.

use std::path::Path;

use ebpf_base::untrusted;
use ebpf_build::{Error, Result};
use serde::Serialize;

use super::explain_log;
use crate::{
    cli::Explain,
    context::Context,
    diagnosis::catalogue::{self, Class},
    outcome::Outcome,
    report::Report,
};

#[derive(Serialize)]
#[serde(untagged)]
enum Explained {
    Page(&'static Class),
    List { classes: Vec<Line> },
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
            Explained::Page(catalogue::class(code).ok_or_else(|| unknown(code))?)
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

fn unknown(code: &str) -> Error {
    let error = Error::new(
        "unknown-class",
        format!("there is no class `{}`", untrusted::name(code)),
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
