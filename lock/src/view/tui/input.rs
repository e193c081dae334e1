//! What comes in: keys, signals, intervals. Each has a thread that waits for it, so that
//! nothing is done while nothing happens.

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    os::fd::{AsRawFd as _, RawFd},
    sync::mpsc::{Receiver, Sender},
    thread,
    time::Duration,
};

use ratatui::crossterm::event::{self, Event, KeyEvent};
use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH},
    iterator::Signals,
};

use crate::{
    error::{Error, Result},
    session::is_ignored,
    source::feed::Feed,
};

/// Something that happened.
#[derive(Debug)]
pub(super) enum Message {
    /// A key.
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
    let mut signals = Signals::new(ending.chain([SIGWINCH, SIGCONT]))
        .map_err(|error| Error::new("signals", "signals could not be caught").because_of(&error))?;
    thread::spawn(move || {
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
    });
    Ok(())
}

/// Passes on what a source gives.
pub(super) fn watch_source(from: Receiver<Feed>, to: Sender<Message>) {
    thread::spawn(move || {
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
    });
}

/// Passes on keys, from where they are typed: standard input, or if that is something else
/// the terminal of the session.
pub(super) fn watch_keyboard(to: Sender<Message>) {
    thread::spawn(move || {
        if read_keys(&to).is_err() {
            let _ = to.send(Message::TerminalGone);
        }
    });
}

fn read_keys(to: &Sender<Message>) -> io::Result<()> {
    let stdin = io::stdin();
    let tty;
    let keyboard = if stdin.is_terminal() {
        stdin.as_raw_fd()
    } else {
        tty = File::open("/dev/tty")?;
        tty.as_raw_fd()
    };
    loop {
        // crossterm reads a terminal that is gone again and again, without an end: it is
        // asked only when there is something to read.
        await_key(keyboard)?;
        while event::poll(Duration::ZERO)? {
            // Changes of the size come as signals.
            if let Event::Key(key) = event::read()?
                && to.send(Message::Key(key)).is_err()
            {
                return Ok(());
            }
        }
    }
}

/// Waits until there is something to read.
fn await_key(keyboard: RawFd) -> io::Result<()> {
    loop {
        let mut poll = libc::pollfd {
            fd: keyboard,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd is passed, as is said.
        if unsafe { libc::poll(&raw mut poll, 1, -1) } < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        } else if poll.revents & (libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) != 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        } else if poll.revents & libc::POLLIN != 0 {
            return Ok(());
        }
    }
}
