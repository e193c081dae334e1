//! `lock top`: the ranking on a terminal, as it changes.
//!
//! [`state`] is what is shown and how it changes; [`draw`] puts it on a screen; both are
//! pure. The rest is the terminal and what comes from it. Everything that happens comes
//! through one channel, and the screen is drawn when something came, not otherwise.

mod cells;
mod choices;
mod detail;
mod draw;
mod input;
mod keyboard;
mod keys;
mod losses;
mod rows;
mod screen;
mod state;

#[cfg(test)]
mod tests;

use std::sync::mpsc::{self, Receiver};

pub(crate) use state::Start;

use crate::{
    error::{Error, Result},
    profile::feed::Feed,
    view::tui::{
        input::Message,
        keyboard::Keyboard,
        keys::{Action, action},
        screen::Screen,
        state::State,
    },
};

/// Why it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The reader asked for it.
    Quit,
    /// A signal came.
    Signal(i32),
    /// The terminal is gone.
    TerminalGone,
}

/// Checks that there is a terminal, before anything is begun that costs.
///
/// # Errors
///
/// `no-terminal` if there is none that can show it.
pub(crate) fn check_terminal() -> Result<()> {
    screen::check_own()
}

/// Shows what a source gives until the reader has seen enough.
///
/// The source's end of the channel fails to send from then on.
///
/// # Errors
///
/// `no-terminal` without a terminal, `source-gone` when the source's thread died, and what
/// the source says that failed.
pub(crate) fn run(source: Receiver<Feed>, start: Start) -> Result<End> {
    let (mut screen, keyboard) = (Screen::open()?, open_keyboard()?);
    let (sender, messages) = mpsc::channel();
    input::watch_signals(sender.clone())?;
    input::watch_keyboard(keyboard, sender.clone())?;
    input::watch_source(source, sender)?;
    let mut state = State::new(start);
    state.resize(screen.height());
    loop {
        if screen.draw(&state).is_err() {
            return Ok(End::TerminalGone);
        }
        // All that is there already makes one picture.
        let first = messages.recv().map_err(|_| source_gone())?;
        for message in std::iter::once(first).chain(messages.try_iter()) {
            if let Some(end) = take(message, &mut state, &mut screen)? {
                return Ok(end);
            }
        }
    }
}

/// Takes in something that happened. Gives the end, if it is that.
fn take(message: Message, state: &mut State, screen: &mut Screen) -> Result<Option<End>> {
    let drawn = match message {
        Message::Key(key) => match action(key, state.typing) {
            Some(Action::Quit) => return Ok(Some(End::Quit)),
            Some(Action::Suspend) => screen.suspend(),
            Some(action) => {
                state.act(action);
                Ok(())
            }
            None => Ok(()),
        },
        Message::Feed(Feed::Interval(interval)) => {
            state.add(*interval);
            Ok(())
        }
        Message::Feed(Feed::Ended(reason)) => {
            state.end(reason);
            Ok(())
        }
        Message::Feed(Feed::Failed(error)) => return Err(error),
        Message::SourceGone => return Err(source_gone()),
        Message::Resized => {
            state.resize(screen.height());
            Ok(())
        }
        Message::Resumed => screen.resume(),
        Message::Signal(signal) => return Ok(Some(End::Signal(signal))),
        Message::TerminalGone => return Ok(Some(End::TerminalGone)),
    };
    Ok(drawn.is_err().then_some(End::TerminalGone))
}

fn open_keyboard() -> Result<Keyboard> {
    Keyboard::open().map_err(|error| {
        screen::no_terminal("lock top needs a terminal to read keys from").because_of(&error)
    })
}

fn source_gone() -> Error {
    Error::new("source-gone", "the recorder ended unexpectedly").fix("report this as a bug")
}
