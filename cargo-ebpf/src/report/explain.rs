//! The page of a rejection class, the meaning of a code, or the list of classes.

use ebpf_diagnosis::diagnosis::catalogue::Class;
use serde::Serialize;

use super::Report;

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Explained {
    Page(&'static Class),
    Code(Meaning),
    List { classes: Vec<Line> },
}

/// A code of an error or a finding that has no page.
#[derive(Serialize)]
pub(crate) struct Meaning {
    pub(crate) code: &'static str,
    pub(crate) meaning: &'static str,
}

/// A class in the list of all.
#[derive(Serialize)]
pub(crate) struct Line {
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
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
