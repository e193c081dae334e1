//! The terminal: taken over, and given back however it ends.

use std::{
    io::{self, IsTerminal as _, Stdout},
    mem, panic,
};

use ratatui_core::terminal::Terminal;
use ratatui_crossterm::{
    CrosstermBackend,
    crossterm::{ExecutableCommand as _, cursor, terminal},
};
use signal_hook::{consts::SIGTSTP, low_level::raise};

use crate::{
    error::{Error, Result},
    view::tui::{draw::draw, state::State},
};

/// A terminal in raw mode that shows another screen than the shell's. It is given back when
/// this is dropped, and when the program panics.
#[derive(Debug)]
pub(super) struct Screen {
    /// None once it is given back.
    terminal: Option<Terminal<CrosstermBackend<Stdout>>>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    ///
    /// `no-terminal` if there is none that can show it.
    pub(super) fn open() -> Result<Self> {
        check_own()?;
        restore_before_panics();
        let terminal = take_over().map_err(|error| {
            // Half of it may be done.
            let _ = restore();
            no_terminal("the terminal could not be taken over").because_of(&error)
        })?;
        Ok(Self {
            terminal: Some(terminal),
        })
    }

    /// Shows the state. An error means that the terminal is gone.
    pub(super) fn draw(&mut self, state: &State) -> io::Result<()> {
        match &mut self.terminal {
            Some(terminal) => terminal.draw(|frame| draw(state, frame)).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Takes the terminal over again, after somebody else may have had it.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        show_own()?;
        match &mut self.terminal {
            // All of it is drawn anew.
            Some(terminal) => terminal.clear(),
            None => Ok(()),
        }
    }

    /// Gives the terminal to the shell until this process is told to go on.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        io::stdout().execute(cursor::Show)?;
        restore()?;
        raise(SIGTSTP)?;
        self.resume()
    }

    /// Lines that the terminal has.
    pub(super) fn height(&self) -> u16 {
        self.terminal
            .as_ref()
            .and_then(|terminal| terminal.size().ok())
            .map_or(24, |size| size.height)
    }

    fn close(&mut self) {
        let Some(terminal) = self.terminal.take() else {
            return;
        };
        let shown = io::stdout().execute(cursor::Show).is_ok();
        let restored = restore().is_ok();
        if !shown || !restored {
            // It is gone. Dropped, it would complain on stderr, which is gone as well: a
            // panic.
            mem::forget(terminal);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

fn take_over() -> io::Result<Terminal<CrosstermBackend<Stdout>>> {
    show_own()?;
    Terminal::new(CrosstermBackend::new(io::stdout()))
}

/// Raw mode, and another screen than the shell's.
fn show_own() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    io::stdout().execute(terminal::EnterAlternateScreen)?;
    Ok(())
}

/// The shell's mode and screen.
fn restore() -> io::Result<()> {
    terminal::disable_raw_mode()?;
    io::stdout().execute(terminal::LeaveAlternateScreen)?;
    Ok(())
}

/// A panic's message is for the shell's screen.
fn restore_before_panics() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let _ = restore();
        report(info);
    }));
}

/// Whether standard output can show it.
pub(super) fn check_own() -> Result<()> {
    check(io::stdout().is_terminal(), std::env::var("TERM").ok())
}

fn check(is_terminal: bool, term: Option<String>) -> Result<()> {
    if !is_terminal {
        return Err(
            no_terminal("lock top needs a terminal").because("standard output is not a terminal")
        );
    }
    match term.as_deref() {
        None | Some("" | "dumb") => Err(no_terminal("lock top needs a more capable terminal")
            .because(format!("TERM is {:?}", term.unwrap_or_default()))),
        Some(_) => Ok(()),
    }
}

/// The error that there is no fitting terminal.
pub(super) fn no_terminal(fact: &str) -> Error {
    Error::new("no-terminal", fact)
        .fix("use `lock record`, which needs no terminal; with ssh, add -t")
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn what_cannot_show_it_is_rejected() {
        let xterm = || Some("xterm".to_owned());
        check(true, xterm()).expect("fine");
        for (is_terminal, term) in [
            (false, xterm()),
            (true, None),
            (true, Some("dumb".to_owned())),
        ] {
            let error = check(is_terminal, term).expect_err("rejected");
            assert_eq!(error.code(), "no-terminal");
        }
    }
}
