//! What was added to a project.

use serde::Serialize;

use super::{Report, human};
use crate::template::Addition;

#[derive(Debug, Serialize)]
pub(crate) struct Completed {
    pub(crate) dry_run: bool,
    pub(crate) added: Vec<Addition>,
    /// What is left to the user.
    pub(crate) notes: Vec<String>,
}

impl Report for Completed {
    fn human(&self) -> String {
        let mut text = String::new();
        for addition in &self.added {
            let what = match (self.dry_run, addition.new) {
                (false, true) => "created",
                (false, false) => "added to",
                (true, true) => "would create",
                (true, false) => "would add to",
            };
            text += &format!("{what} {}:\n", human::path(&addition.file));
            for line in &addition.lines {
                text += &format!("+ {line}\n");
            }
        }
        for note in &self.notes {
            text += &format!("note: {note}\n");
        }
        if text.is_empty() {
            return "nothing is missing: the loader embeds its objects with ebpf-build".to_owned();
        }
        text.trim_end().to_owned()
    }
}
