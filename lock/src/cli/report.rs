//! What a report shows, and how: options that `record` and `report` have in common.

use std::path::PathBuf;

use clap::Args;

use crate::{
    profile::{
        group::{By, Filter},
        lock_type::{self, LockType},
        metrics::Sort,
    },
    view::{Format, Options, folded::Side},
};

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// The recording
    #[arg(value_name = "FILE")]
    pub(crate) recording: PathBuf,
    /// What is shown, and how.
    #[command(flatten)]
    pub(crate) options: ReportOptions,
    /// Write the report to FILE instead of stdout, once it is complete
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What a report shows, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct ReportOptions {
    /// What to group waits by
    #[arg(long, value_enum, default_value_t, value_name = "KEY")]
    pub(crate) by: By,
    /// Sort rows by this metric, descending
    #[arg(long, value_enum, default_value_t, value_name = "METRIC")]
    pub(crate) sort: Sort,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Show the first N rows, 0 for all [default: 25 in a table, else all]
    #[arg(short = 'n', long, value_name = "N", hide_default_value = true)]
    pub(crate) limit: Option<usize>,
    /// Only waits whose stack contains a function with SUBSTRING in its name
    #[arg(short = 'S', long, value_name = "SUBSTRING")]
    pub(crate) stack: Option<String>,
    /// Only locks of this type: mutex, rwsem (readers and writers), rwsem:R (readers), user-mutex,
    /// user (all user locks), ...; can be repeated. An unknown name prints the list of types
    #[arg(short = 'Y', long = "type", value_name = "TYPE", value_parser = types)]
    pub(crate) types: Vec<Types>,
    /// Include idle waits: condition variables, joins, parked threads
    #[arg(long)]
    pub(crate) idle: bool,
    /// Whose stacks to show with --format folded, svg or pprof
    #[arg(long, value_enum, default_value_t)]
    pub(crate) side: Side,
}

/// Locks of one name: `rwsem` stands for its readers and writers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Types(pub(crate) Vec<LockType>);

/// The types that are meant together.
pub(crate) fn all(types: &[Types]) -> Vec<LockType> {
    types.iter().flat_map(|it| it.0.clone()).collect()
}

impl From<&ReportOptions> for Options {
    fn from(options: &ReportOptions) -> Self {
        let ReportOptions {
            by,
            sort,
            format,
            limit,
            stack,
            types,
            idle,
            side,
        } = options;
        Self {
            by: *by,
            sort: *sort,
            format: *format,
            limit: match limit {
                Some(0) => Some(usize::MAX),
                limit => *limit,
            },
            filter: Filter {
                types: all(types),
                stack: stack.clone(),
                min_total_ns: 0,
                include_idle: *idle,
            },
            side: *side,
            color: false,
        }
    }
}

/// Reads a type's name.
pub(super) fn types(name: &str) -> Result<Types, String> {
    let found = lock_type::named(name);
    if found.is_empty() {
        return Err(format!(
            "must be one of {}; without :R or :W, such as rwsem, both are meant; user and kernel \
             mean all user or kernel locks",
            lock_type::names().join(", ")
        ));
    }
    Ok(Types(found))
}

#[cfg(test)]
mod tests {
    use super::{Options, ReportOptions, types};

    #[test]
    fn types_are_known_by_their_names() {
        assert_eq!(types("rwsem").unwrap().0.len(), 2);
        assert_eq!(types("rwsem:R").unwrap().0.len(), 1);
        assert_eq!(types("user-mutex"), types("user mutex"));
        let error = types("mutx").unwrap_err();
        assert!(error.contains("spinlock, rwlock:R"), "{error}");
    }

    #[test]
    fn zero_rows_are_all() {
        let rows = |limit| {
            Options::from(&ReportOptions {
                limit,
                ..ReportOptions::default()
            })
            .rows(25)
        };
        assert_eq!([None, Some(3), Some(0)].map(rows), [25, 3, usize::MAX]);
    }
}
