//! Arguments of `lock diff`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::profile::diff::By;

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The earlier recording
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,
    /// The later recording
    #[arg(value_name = "AFTER")]
    pub(crate) after: PathBuf,
    /// What to group waits by
    #[arg(long, value_enum, default_value_t, value_name = "KEY")]
    pub(crate) by: By,
    /// Only waits whose stack contains a function with SUBSTRING in its name
    #[arg(short = 'S', long, value_name = "SUBSTRING")]
    pub(crate) stack: Option<String>,
    /// Include idle waits: condition variables, joins, parked threads
    #[arg(long)]
    pub(crate) idle: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Write the comparison to FILE instead of stdout, once it is complete
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Exit with status 1 if a row, or all waits together, have the verdict `new`, or the verdict
    /// `worse` with an increase of at least PERCENT (default: 0)
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true,
          default_missing_value = "0", value_parser = percent)]
    pub(crate) fail_on_worse: Option<f64>,
}

/// Output formats of `diff`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text and a table
    #[default]
    Human,
    /// One versioned JSON document
    Json,
    /// Comma-separated values, one line per row
    Csv,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| "invalid percentage")?;
    if percent.is_finite() && percent >= 0.0 {
        Ok(percent)
    } else {
        Err("must be 0 or more".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::{Cli, Command};

    #[test]
    fn fail_on_worse_takes_no_recording_for_its_percent() {
        for (argument, percent) in [
            ("--fail-on-worse", Some(0.0)),
            ("--fail-on-worse=12.5", Some(12.5)),
            ("--idle", None),
        ] {
            let line = ["lock", "diff", argument, "a.lock", "b.lock"];
            let Command::Diff(diff) = Cli::try_parse_from(line).unwrap().command else {
                panic!("another command");
            };
            assert_eq!(diff.fail_on_worse, percent);
            assert_eq!(diff.before.to_str(), Some("a.lock"));
        }
        for wrong in ["-1", "nan", "inf", "x", ""] {
            let argument = format!("--fail-on-worse={wrong}");
            Cli::try_parse_from(["lock", "diff", &argument, "a", "b"]).expect_err(wrong);
        }
    }
}
