//! What is recorded: the arguments of every command that records.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;

use crate::{cli::report::ReportOptions, probe::plan::UserStacks};

/// Arguments of `record`.
#[derive(Debug, Args)]
pub(crate) struct Record {
    #[command(flatten)]
    pub(crate) what: What,
    /// End after this many seconds, such as 5 or 0.5
    #[arg(short, long, value_name = "SECONDS", value_parser = super::seconds)]
    pub(crate) duration: Option<Duration>,
    /// Write a recording to this file instead of a report; `lock report FILE` shows it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write the report to this file, whole or not at all
    #[arg(long = "report", value_name = "FILE", conflicts_with = "output")]
    pub(crate) report_file: Option<PathBuf>,
    /// What the report shows, and how. --type filters in the kernel, too.
    #[command(flatten)]
    pub(crate) report: ReportOptions,
}

/// Whose waits, which of them, and how.
#[derive(Debug, Args)]
pub(crate) struct What {
    /// Record only this process and its new children
    #[arg(short, long, value_name = "PID", conflicts_with = "command",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pid: Option<u32>,
    /// Take the stack of every wait: callers, threads and holders are exact, too, and each
    /// wait costs more
    #[arg(long)]
    pub(crate) exact: bool,
    /// Only these threads
    #[arg(long, value_name = "TID", value_delimiter = ',', help_heading = "Filters",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tid: Vec<u32>,
    /// Only threads of these names (the first 15 bytes count)
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    pub(crate) comm: Vec<String>,
    /// Only tasks of these cgroups, by path: system.slice/x.service
    #[arg(long, value_name = "PATH", help_heading = "Filters")]
    pub(crate) cgroup: Vec<PathBuf>,
    /// Only waits that begin on these CPUs: 0,2-3
    #[arg(long, value_name = "LIST", help_heading = "Filters")]
    pub(crate) cpu: Option<String>,
    /// Only the locks at these addresses: 0xffff8881000
    #[arg(
        long,
        value_name = "ADDRESS",
        value_delimiter = ',',
        help_heading = "Filters"
    )]
    pub(crate) address: Vec<String>,
    /// Only waits of at least this long: 500us, 10ms, 1s
    #[arg(long, value_name = "TIME", help_heading = "Filters", value_parser = super::time)]
    pub(crate) min_wait: Option<Duration>,
    /// Which waits' user stacks are taken
    #[arg(long, value_enum, default_value_t = UserStacks::Auto, help_heading = "Bounds")]
    pub(crate) user_stacks: UserStacks,
    /// How many KiB of a user stack are copied, 1 to 16
    #[arg(long, value_name = "KIB", default_value_t = 8, help_heading = "Bounds",
          value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(crate) stack_kib: u32,
    /// How large the tables in the kernel are.
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Start this command and record it and its children
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// How large the tables in the kernel are.
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// How many locks are told apart; the others are added up as one
    #[arg(long, value_name = "N", default_value_t = 4096, help_heading = "Bounds",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_locks: u32,
    /// How many kernel stacks are told apart
    #[arg(long, value_name = "N", default_value_t = 8192, help_heading = "Bounds",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_stacks: u32,
    /// How many threads can have a place in the table of open waits
    #[arg(long, value_name = "N", default_value_t = 16384, help_heading = "Bounds",
          value_parser = clap::value_parser!(u32).range(4..=4_194_304))]
    pub(crate) max_threads: u32,
    /// Size of the buffer for samples, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 16, help_heading = "Bounds",
          value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) buffer: u32,
}
