//! `lock top`: what is waited for, on a terminal, as it happens.

use std::{process::ExitCode, sync::mpsc::Receiver};

use crate::{
    cli::top::Top,
    error::{Error, Result},
    source::{feed::Feed, replay},
    view::tui::{self, Start},
};

/// Shows a recording, or what happens now.
pub(crate) fn run(arguments: &Top) -> Result<ExitCode> {
    let start = Start {
        by: arguments.by,
        sort: arguments.sort,
        idle: arguments.idle,
        replay: arguments.replay.is_some(),
    };
    match &arguments.replay {
        Some(path) => run_with(replay::play(path, arguments.interval)?, start),
        None => Err(Error::new("in-the-works", "recording is being rebuilt")),
    }
}

/// Shows what a source gives until the reader has seen enough.
fn run_with(source: Receiver<Feed>, start: Start) -> Result<ExitCode> {
    // Whoever ended it, and be it a signal, got what was asked for.
    match tui::run(source, start)? {
        tui::End::Quit | tui::End::Signal(_) | tui::End::TerminalGone => Ok(ExitCode::SUCCESS),
    }
}
