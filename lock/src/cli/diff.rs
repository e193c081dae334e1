//! Arguments of `lock diff`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::profile::diff::By;

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The recording from before
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,
    /// The recording from after
    #[arg(value_name = "AFTER")]
    pub(crate) after: PathBuf,
    /// What a row is
    #[arg(long, value_enum, default_value_t)]
    pub(crate) by: By,
    /// Only waits with this in the name of a function on their stack
    #[arg(long, value_name = "SUBSTRING")]
    pub(crate) stack: Option<String>,
    /// Compare waits for work, too: condition variables, joins, parked threads
    #[arg(long)]
    pub(crate) idle: bool,
    /// How the comparison is written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Write the comparison to a file, whole or not at all
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Exit with 1 if for sure a row is new, or worse by so many percent
    #[arg(long, value_name = "PERCENT", num_args = 0..=1, require_equals = true,
          default_missing_value = "0", value_parser = percent)]
    pub(crate) fail_on_worse: Option<f64>,
}

/// Output formats of `diff`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// One versioned JSON document
    Json,
    /// Comma-separated values, one line a row
    Csv,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| "not a number of percent")?;
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
