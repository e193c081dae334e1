//! What is recorded: the arguments of every command that records.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;

use crate::{
    cli::{report::ReportOptions, values},
    probe::plan::UserStacks,
};

/// Arguments of `record`.
#[derive(Debug, Args)]
pub(crate) struct Record {
    #[command(flatten)]
    pub(crate) recorded: Recorded,
    /// Stop after this time: 5s, 500ms, 1m (default unit: seconds)
    #[arg(short, long, value_name = "TIME", value_parser = values::period)]
    pub(crate) duration: Option<Duration>,
    /// Write a recording to FILE and print no report; `lock report FILE` shows it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write the report to FILE instead of stdout, once it is complete
    #[arg(long = "report", value_name = "FILE", conflicts_with = "output")]
    pub(crate) report_file: Option<PathBuf>,
    /// What the report shows, and how. --type also filters in the kernel.
    #[command(flatten)]
    pub(crate) report: ReportOptions,
}

/// What to record.
#[derive(Debug, Args)]
pub(crate) struct Recorded {
    /// Record this process: all its threads, and the children that it starts while recording;
    /// existing children are not included
    #[arg(short, long, value_name = "PID", conflicts_with = "command",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pid: Option<u32>,
    /// Sample every wait: rows by caller, stack, thread or holder are exact instead of
    /// estimated, at a higher overhead per wait
    #[arg(long)]
    pub(crate) exact: bool,
    /// Only threads with these IDs, separated by commas
    #[arg(long, value_name = "TID", value_delimiter = ',', help_heading = "Filters",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tid: Vec<u32>,
    /// Only threads with these names, separated by commas (compared by their first 15 bytes)
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    pub(crate) comm: Vec<String>,
    /// Only tasks directly in this cgroup (not in its descendants), given by its path below the
    /// cgroup root: system.slice/x.service; can be repeated
    #[arg(long, value_name = "PATH", help_heading = "Filters")]
    pub(crate) cgroup: Vec<PathBuf>,
    /// Only waits that start on these CPUs: 0,2-3
    #[arg(long, value_name = "LIST", help_heading = "Filters")]
    pub(crate) cpu: Option<String>,
    /// Only the locks at these addresses, separated by commas: 0xffff888100012340
    #[arg(
        short = 'L',
        long = "lock",
        value_name = "ADDRESS",
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    pub(crate) locks: Vec<String>,
    /// Only waits at least this long: 500us, 10ms, 1s
    #[arg(long, value_name = "TIME", help_heading = "Filters", value_parser = values::time)]
    pub(crate) min_wait: Option<Duration>,
    /// For which waits to copy the user stack
    #[arg(long, value_enum, default_value_t = UserStacks::Auto, help_heading = "Limits")]
    pub(crate) user_stacks: UserStacks,
    /// How much of a user stack to copy per sample: 1K to 16K
    #[arg(long, value_name = "SIZE", default_value = "8K", help_heading = "Limits",
          value_parser = values::stack_size)]
    pub(crate) stack_size: u32,
    /// How large the tables in the kernel are.
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Start this command, and record it and its descendants
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// How large the tables in the kernel are.
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// Maximum number of locks tracked; the waits for all other locks are shown in one row
    #[arg(long, value_name = "N", default_value_t = 4096, help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_locks: u32,
    /// Maximum number of distinct kernel stacks; waits with further stacks have no kernel stack
    #[arg(long, value_name = "N", default_value_t = 8192, help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_stacks: u32,
    /// Maximum number of threads whose waits are tracked, rounded up to a power of two; waits of
    /// further threads are counted as lost
    #[arg(long, value_name = "N", default_value_t = 16384, help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(4..=4_194_304))]
    pub(crate) max_threads: u32,
    /// Size of the ring buffer for samples, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 16, help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) buffer: u32,
}
