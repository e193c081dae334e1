//! What a long step is doing: a spinner with the time so far on a terminal, plain
//! lines elsewhere. Always on stderr.

use std::{
    cell::RefCell,
    io::{IsTerminal as _, Write as _, stderr},
    time::{Duration, Instant},
};

use ebpf_build::{Finding, progress::Progress};
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::human;

/// Shows steps, one at a time.
#[derive(Debug)]
pub(crate) struct Display {
    terminal: bool,
    step: RefCell<Option<Step>>,
}

/// The step under way. A spinner that is dropped leaves no trace on the terminal.
#[derive(Debug)]
struct Step {
    what: String,
    since: Instant,
    spinner: Option<Spinner>,
}

#[derive(Debug)]
struct Spinner(ProgressBar);

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Display {
    /// For this process's stderr.
    pub(crate) fn new() -> Self {
        Self {
            terminal: stderr().is_terminal(),
            step: RefCell::new(None),
        }
    }
}

fn say(line: &str) {
    // Progress that nobody can read is no reason to stop.
    let _ = writeln!(anstream::stderr(), "{line}");
}

fn spinner(what: &str) -> Spinner {
    let bar = ProgressBar::new_spinner();
    // A template that does not parse would leave indicatif's own, which will do.
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} {prefix} ({elapsed_precise}) {wide_msg:.dim}")
    {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    Spinner(bar)
}

impl Progress for Display {
    fn begin(&self, what: &str) {
        // Whatever went before is cleared first: two spinners would fight for the line.
        self.step.replace(None);
        if !self.terminal {
            say(&format!("{what} ..."));
        }
        self.step.replace(Some(Step {
            what: what.to_owned(),
            since: Instant::now(),
            spinner: self.terminal.then(|| spinner(what)),
        }));
    }

    fn line(&self, line: &str) {
        if let Some(Spinner(bar)) = self
            .step
            .borrow()
            .as_ref()
            .and_then(|step| step.spinner.as_ref())
        {
            bar.set_message(line.trim().to_owned());
        }
    }

    fn end(&self) {
        if let Some(step) = self.step.replace(None) {
            drop(step.spinner);
            say(&format!(
                "{}: done in {}",
                step.what,
                took(step.since.elapsed())
            ));
        }
    }

    fn warn(&self, finding: &Finding) {
        human::tell(finding);
    }
}

/// "0.4 s", "52 s", then in words: what a person reads at a glance.
pub(super) fn took(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{} s", time.as_secs()),
        _ => HumanDuration(time).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_at_a_glance() {
        assert_eq!(took(Duration::from_millis(420)), "0.4 s");
        assert_eq!(took(Duration::from_millis(52_700)), "52 s");
        assert_eq!(took(Duration::from_secs(180)), "3 minutes");
    }
}
