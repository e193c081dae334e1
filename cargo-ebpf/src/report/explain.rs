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
    /// Why it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<&'static str>,
    /// What to do about it, depending on the case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fixes: Vec<&'static str>,
}

impl Meaning {
    fn text(&self) -> String {
        let Self {
            code,
            meaning,
            because,
            fixes,
        } = self;
        let mut text = format!("{code}: {meaning}");
        if let Some(because) = because {
            text += &format!("\n\ncause: {because}");
        }
        for fix in fixes {
            text += &format!("\nfix: {}", fix.replace('\n', "\n     "));
        }
        text
    }
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
            Self::Code(meaning) => meaning.text(),
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
