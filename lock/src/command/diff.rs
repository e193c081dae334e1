//! `lock diff`: two recordings compared.

use std::{path::Path, process::ExitCode};

use crate::{
    cli::diff::{Diff, Format},
    error::Result,
    output::Output,
    profile::{
        diff::{Series, diff},
        group::Filter,
    },
    recording::Recording,
    view::diff as view,
};

/// Compares, then tells. The exit code is 1 only if that was asked for.
pub(crate) fn run(arguments: Diff) -> Result<ExitCode> {
    let output = Output::prepare(arguments.output.clone())?;
    let mut notes = Vec::new();
    let before = read(&arguments.before, &arguments, &mut notes)?;
    let after = read(&arguments.after, &arguments, &mut notes)?;
    let mut diff = diff(&before, &after);
    diff.notes.extend(notes);
    let name = |path: &Path| path.display().to_string();
    let names = [name(&arguments.before), name(&arguments.after)];
    let text = match arguments.format {
        Format::Table => view::table(&diff, &names, output.columns()),
        Format::Json => view::json(&diff, &names)?,
        Format::Csv => view::csv(&diff),
    };
    output.write(&text)?;
    let worse = |percent| diff.is_worse_by(percent);
    Ok(ExitCode::from(u8::from(
        arguments.fail_on_worse.is_some_and(worse),
    )))
}

/// Reads a recording interval by interval.
fn read(path: &Path, arguments: &Diff, notes: &mut Vec<String>) -> Result<Series> {
    let filter = Filter {
        stack: arguments.stack.clone(),
        include_idle: arguments.include_idle,
        ..Filter::default()
    };
    let mut series = Series::new(arguments.by, filter);
    let mut recording = Recording::open(path)?;
    for interval in &mut recording {
        series.add(&interval);
    }
    let said = recording.notes();
    notes.extend(said.map(|note| format!("{}: {note}", path.display())));
    Ok(series)
}
