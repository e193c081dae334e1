//! The stages of a command that takes minutes: which of how many, what it does, and how
//! long it took. Plain lines on stderr, as what runs in a stage prints there too.

use std::time::Instant;

use ebpf_build::Result;

use super::{Console, progress::took};

/// Shows stages as they begin and end.
#[derive(Debug)]
pub(crate) struct Stages {
    console: Console,
    number: usize,
    total: usize,
}

impl Stages {
    /// Before the first stage of `total`.
    pub(crate) fn new(console: Console, total: usize) -> Self {
        Self {
            console,
            number: 0,
            total,
        }
    }

    /// Announces the next stage.
    pub(crate) fn begin(&mut self, what: &str) {
        self.number += 1;
        let Self { number, total, .. } = self;
        self.console.note(&format!("[{number}/{total}] {what} ..."));
    }

    /// Runs the next stage. One that fails has no last line: its error follows.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn run<T>(&mut self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.begin(what);
        let since = Instant::now();
        let result = work()?;
        let Self { number, total, .. } = self;
        let took = took(since.elapsed());
        self.console
            .note(&format!("[{number}/{total}] {what}: done in {took}"));
        Ok(result)
    }
}
