//! What comes in: keys, signals, intervals. Each has a thread that waits for it, so that
//! nothing is done while nothing happens.

use std::{
    io,
    sync::mpsc::{Receiver, Sender},
};

use ratatui::crossterm::event::KeyEvent;
use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH},
    iterator::Signals,
};

use crate::{
    error::{Error, Result},
    profile::feed::Feed,
    session::is_ignored,
    thread,
    view::tui::keyboard::Keyboard,
};

/// Something that happened.
#[derive(Debug)]
pub(super) enum Message {
    Key(KeyEvent),
    /// From the source.
    Feed(Feed),
    /// The source is gone without a word.
    SourceGone,
    /// The terminal has another size.
    Resized,
    /// The process goes on after it was stopped.
    Resumed,
    /// A signal that ends the process.
    Signal(i32),
    /// The terminal is gone.
    TerminalGone,
}

/// Passes on signals. One that is ignored, as under nohup, stays so.
pub(super) fn watch_signals(to: Sender<Message>) -> Result<()> {
    let ending = [SIGINT, SIGTERM, SIGHUP]
        .into_iter()
        .filter(|&signal| !is_ignored(signal));
    let mut signals = Signals::new(ending.chain([SIGWINCH, SIGCONT])).map_err(|error| {
        Error::new("signals", "signal handlers could not be installed").because_of(&error)
    })?;
    thread::start("signals", move || {
        for signal in signals.forever() {
            let message = match signal {
                SIGWINCH => Message::Resized,
                SIGCONT => Message::Resumed,
                other => Message::Signal(other),
            };
            if to.send(message).is_err() {
                return;
            }
        }
    })?;
    Ok(())
}

/// Passes on what a source gives.
pub(super) fn watch_source(from: Receiver<Feed>, to: Sender<Message>) -> Result<()> {
    thread::start("source", move || {
        let mut over = false;
        for feed in from {
            over |= matches!(feed, Feed::Ended(_) | Feed::Failed(_));
            if to.send(Message::Feed(feed)).is_err() {
                return;
            }
        }
        if !over {
            // Without a receiver there is nobody to tell.
            let _ = to.send(Message::SourceGone);
        }
    })?;
    Ok(())
}

/// Passes on keys.
pub(super) fn watch_keyboard(mut keyboard: Keyboard, to: Sender<Message>) -> Result<()> {
    thread::start("keys", move || {
        if read_keys(&mut keyboard, &to).is_err() {
            let _ = to.send(Message::TerminalGone);
        }
    })?;
    Ok(())
}

fn read_keys(keyboard: &mut Keyboard, to: &Sender<Message>) -> io::Result<()> {
    loop {
        for key in keyboard.read()? {
            if to.send(Message::Key(key)).is_err() {
                return Ok(());
            }
        }
    }
}
