//! Which source lines the verifier spent most on.

use std::path::Path;

use ebpf_diagnosis::diagnosis::{Hot, LineCost};
use ebpf_object::lines::short_path;

use crate::{report::table, verdict::Program};

/// How many lines are shown of a program. JSON has all.
const SHOWN: usize = 10;

/// A text for each program of which it is known.
pub(super) fn of(programs: &[Program], kernel: &str) -> Vec<String> {
    programs
        .iter()
        .filter_map(|program| Some(text(&program.name, program.hot.as_ref()?, kernel)))
        .collect()
}

fn text(program: &str, hot: &Hot, kernel: &str) -> String {
    let all: u64 = hot.lines.iter().map(|line| line.processed).sum();
    let mut text =
        format!("instructions of `{program}` that the verifier of {kernel} processed: {all}");
    if hot.truncated {
        text += " (its log is incomplete)";
    }
    let here = std::env::current_dir().unwrap_or_default();
    let mut table = table::new(["share", "insns", "line", "in"], ..2);
    for line in hot.lines.iter().take(SHOWN) {
        table.add_row([
            format!("{:.1} %", line.share * 100.0),
            line.processed.to_string(),
            place(line, &here),
            function(line),
        ]);
    }
    text += &format!("\n{}", table::flush_left(table));
    if let Some(more) = hot.lines.len().checked_sub(SHOWN).filter(|&more| more > 0) {
        text += &format!("\n... and {more} more lines");
    }
    text
}

fn place(line: &LineCost, here: &Path) -> String {
    let frame = line.frames.first();
    let file = frame.and_then(|frame| frame.file.as_ref());
    match (file, frame.and_then(|frame| frame.line)) {
        (Some(file), Some(line)) => format!("{}:{line}", short_path(file.as_str(), here)),
        (Some(file), None) => short_path(file.as_str(), here).to_owned(),
        (None, _) => "(no source line)".to_owned(),
    }
}

fn function(line: &LineCost) -> String {
    let function = line
        .frames
        .first()
        .and_then(|frame| frame.function.as_ref());
    function.map_or_else(String::new, |name| name.as_str().to_owned())
}
