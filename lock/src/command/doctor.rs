//! `lock doctor`: what this machine offers for recording.

use std::process::ExitCode;

use crate::{
    cli::{Format, doctor::Doctor},
    command::plan,
    doctor,
    error::Result,
    output::Output,
    view::doctor as view,
};

/// Looks, then tells. The exit code is 1 if nothing can be recorded.
pub(crate) fn run(arguments: &Doctor) -> Result<ExitCode> {
    let output = Output::Stdout;
    let examination = doctor::examine(plan::limits(&arguments.bounds));
    let text = match arguments.format {
        Format::Human => view::table(&examination, output.columns(), output.is_terminal()),
        Format::Json => view::json(&examination)?,
    };
    output.write(&text)?;
    Ok(ExitCode::from(u8::from(!examination.works)))
}
