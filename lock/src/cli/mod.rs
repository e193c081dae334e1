//! The command line as clap knows it: types and help texts, no behaviour.

mod completions;
pub(crate) mod diff;
pub(crate) mod doctor;
mod man;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod top;
mod values;

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lock_workload::Scenario;

pub(crate) use self::{completions::Completions, man::Man};

/// Show which locks a program waits for, who holds them, where, and for how long.
#[derive(Debug, Parser)]
#[command(
    name = "lock",
    version,
    about,
    propagate_version = true,
    after_help = "\
Examples:\n  \
lock record -- make -j8                       a command, from start to exit\n  \
lock record --pid 4711 --duration 10s         a running process\n  \
lock record --duration 10s                    the whole system\n  \
lock record -o make.lockrec -- make -j8       keep a recording\n  \
lock report make.lockrec --by holder          who waited for whom\n  \
lock diff before.lockrec after.lockrec        what changed\n  \
lock top                                      a live view\n  \
lock help record                              all options of a command\n\
\n\
record and top need root, or CAP_BPF and CAP_PERFMON; lock doctor checks this. With sudo:\n  \
sudo \"$(command -v lock)\" record -- make -j8\n\
\n\
Exit status: 0 on success; 1 on failure; 2 on usage errors; 3 if record or report has found a \
deadlock. If the recorded command fails, lock ends with the command's exit status instead: 126 or \
127 if it could not be started, 128 + N if signal N killed it."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trace lock waits in the kernel and in user space, then report or save them
    ///
    /// Traces the whole system, one process, or a command; children that the process or command
    /// starts while recording are included. Recording stops when the duration is over, when the
    /// process or command exits, or on Ctrl-C, SIGTERM or SIGHUP. In each case the report is
    /// printed or, with --output, the recording file is complete.
    #[command(after_help = "\
The command shares the terminal with lock and receives Ctrl-C too. If lock stops first (at \
--duration, SIGTERM or SIGHUP), it sends SIGTERM to the command and waits up to 5 seconds.\n\
\n\
Examples:\n  \
lock record --duration 5s\n  \
lock record --pid 4711 --duration 10s\n  \
lock record --by holder -- make -j8\n  \
lock record --output make.lockrec -- make -j8")]
    Record(Box<record::Record>),
    /// Show lock waits live in the terminal
    ///
    /// Ranks locks by wait time, in the last interval or since the start. Press Enter to show the
    /// waiters, holders and stacks of a lock, and ? for all keys.
    #[command(after_help = "\
The command gets no input, and its output is discarded, as lock uses the terminal. It \
receives SIGTERM when lock exits.\n\
\n\
Examples:\n  \
lock top\n  \
lock top -- sh -c 'make -j8 >make.log 2>&1'\n  \
lock top --pid 4711 --by caller\n  \
lock top --replay make.lockrec")]
    Top(top::Top),
    /// Show a recording as a table, JSON, CSV, flamegraph or profile
    ///
    /// Rows by lock, address and type are exact, as every wait was counted. All other rows, and
    /// all rows with --stack, are estimated from sampled waits and have confidence intervals,
    /// unless the recording was made with --exact.
    #[command(after_help = "\
Examples:\n  \
lock report make.lockrec\n  \
lock report make.lockrec --sort p99 --limit 10\n  \
lock report make.lockrec --by holder --type mutex\n  \
lock report make.lockrec --by stack --stack ext4_\n  \
lock report make.lockrec --format json --output locks.json")]
    Report(report::Report),
    /// Compare two recordings, and separate changes from noise
    ///
    /// Compares the wait time per second, row by row. Noise is estimated from the variance
    /// between the one-second intervals of a recording, so each recording should be at least
    /// 10 seconds long.
    #[command(after_help = "\
The exit status is 1 on failure. Otherwise it is 0 regardless of the result, unless \
--fail-on-worse is given.\n\
\n\
Examples:\n  \
lock diff before.lockrec after.lockrec\n  \
lock diff --by type --fail-on-worse=20 main.lockrec branch.lockrec")]
    Diff(diff::Diff),
    /// Check what this machine and kernel support
    ///
    /// Checks capabilities, hooks, symbol names and namespaces, loads the eBPF programs, and
    /// records its own waits for a few milliseconds as a trial. Suggests a fix for each problem.
    #[command(after_help = "\
The exit status is 0 if lock can record here, otherwise 1.\n\
\n\
Examples:\n  \
lock doctor                                   what works without root\n  \
sudo \"$(command -v lock)\" doctor              what works with root\n  \
lock doctor --max-locks 100000                how much memory that needs")]
    Doctor(doctor::Doctor),
    /// Generate lock contention with known wait counts and times
    ///
    /// Most scenarios run in rounds: in each round, one thread holds a lock (--hold) while every
    /// other thread waits for it once. Each thread measures how long its lock calls take; the
    /// kernel's counter of the thread's context switches shows which calls blocked. In the
    /// scenario spinlock, no thread blocks, so its waits are unknown.
    #[command(after_help = "\
Examples:\n  \
lock record -- lock workload --duration 2s\n  \
lock workload --list\n  \
lock record -- lock workload rust-mutex --waiters 8 --hold 500us")]
    Workload(Workload),
    /// Generate a shell completion script
    #[command(after_help = "\
Examples:\n  \
mkdir -p ~/.local/share/bash-completion/completions\n  \
lock completions bash > ~/.local/share/bash-completion/completions/lock\n  \
lock completions zsh > ~/.zfunc/_lock\n  \
lock completions fish > ~/.config/fish/completions/lock.fish")]
    Completions(Completions),
    /// Generate the man page
    #[command(after_help = "\
Examples:\n  \
lock man | man -l -\n  \
lock man --dir /usr/local/share/man/man1")]
    Man(Man),
}

/// Arguments of `workload`.
#[derive(Debug, Args)]
pub(crate) struct Workload {
    /// The scenario to run; --list shows all of them
    #[arg(value_name = "SCENARIO", value_parser = values::scenario(),
          default_value = "file-position", hide_possible_values = true)]
    pub(crate) scenario: Scenario,
    /// List the scenarios and exit
    #[arg(long)]
    pub(crate) list: bool,
    /// Stop after this time: 5s, 500ms, 1m (default unit: seconds)
    #[arg(short, long, value_name = "TIME", value_parser = values::period,
          default_value = "5s")]
    pub(crate) duration: Duration,
    /// Number of threads that wait in each round
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) waiters: u32,
    /// Approximate time for which the lock is held in each round: 50us, 2ms, 1s
    ///
    /// The default depends on the scenario and is usually 10ms.
    #[arg(long, value_name = "TIME", value_parser = hold)]
    pub(crate) hold: Option<Duration>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Formats of documents that have only a text for people besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text and tables
    #[default]
    Human,
    /// One versioned JSON document
    Json,
}

/// A time to hold a lock: from 1 us to 1 s.
fn hold(text: &str) -> Result<Duration, String> {
    let hold = values::time(text)?;
    if !(Duration::from_micros(1)..=Duration::from_secs(1)).contains(&hold) {
        return Err("must be from 1us to 1s".to_owned());
    }
    Ok(hold)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory as _, Parser as _};

    use super::{Cli, hold};

    #[test]
    fn the_definition_holds() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help() {
        let mut lock = Cli::command().term_width(80);
        lock.build();
        insta::assert_snapshot!("help_lock", lock.render_long_help());
        // That of `help` is clap's own.
        for command in lock
            .get_subcommands_mut()
            .filter(|c| c.get_name() != "help")
        {
            let name = format!("help_{}", command.get_name());
            insta::assert_snapshot!(name, command.render_long_help());
        }
    }

    #[test]
    fn help_tells_all_about_a_command() {
        let error = Cli::try_parse_from(["lock", "help", "record"]).expect_err("help");
        assert_eq!(error.kind(), clap::error::ErrorKind::DisplayHelp);
        assert!(error.to_string().contains("--duration"));
    }

    #[test]
    fn a_lock_is_held_for_a_time_with_a_unit() {
        for (text, micros) in [("50us", 50), ("1.5ms", 1500), ("1s", 1_000_000)] {
            assert_eq!(hold(text), Ok(Duration::from_micros(micros)), "{text}");
        }
        for wrong in ["0s", "-1ms", "10", "2s", "", "5m", "ms", "100ns"] {
            hold(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn a_pid_and_a_command_exclude_each_other() {
        let error = Cli::try_parse_from(["lock", "record", "--pid", "1", "--", "true"])
            .expect_err("wrong usage");
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
        assert_eq!(error.exit_code(), 2);
    }
}
