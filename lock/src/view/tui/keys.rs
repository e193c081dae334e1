//! Which key asks for what.

use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a reader can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
    /// Into the selected row.
    Enter,
    /// Out of whatever is open.
    Back,
    /// The last interval, or everything since the start.
    Span,
    /// The next figure to rank by.
    Sort,
    /// The other way round.
    Reverse,
    /// The next way to make rows.
    Group,
    /// Idle waits in or out.
    Idle,
    /// Hold the picture, or let it go on.
    Pause,
    /// Begin to type a filter.
    Filter,
    Notes,
    /// What the keys do.
    Help,
    /// The end.
    Quit,
    /// To the shell, for a while.
    Suspend,
    /// A character of the filter.
    Type(char),
    /// Take back a character of the filter.
    Erase,
    /// Take back all of the filter.
    EraseAll,
}

/// What the help says of the keys: keys, meaning.
pub(crate) const HELP: &[(&str, &str)] = &[
    ("↑ ↓ j k", "select a row, scroll"),
    ("PgUp PgDn", "page up, down; Home End g G: first, last"),
    ("Enter", "waiters, holders and stacks of the row"),
    ("Esc", "back; clears the filter"),
    ("v Tab", "last interval / since the start"),
    ("s S", "sort by next column / reverse order"),
    ("b", "group by lock, caller, thread, ..."),
    ("/", "filter by name or function on the stack"),
    ("i", "show or hide idle waits"),
    ("space", "pause the display; recording continues"),
    ("n", "notes, losses, overhead, blind spots"),
    ("^Z", "suspend; resume with fg"),
    ("q ^C", "quit"),
];

/// What a key asks for; `typing` while it goes into the filter.
pub(crate) fn action(key: KeyEvent, typing: bool) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c' | 'd') => Some(Action::Quit),
            KeyCode::Char('z') => Some(Action::Suspend),
            KeyCode::Char('u') if typing => Some(Action::EraseAll),
            KeyCode::Char('h') if typing => Some(Action::Erase),
            KeyCode::Char('b') => Some(Action::PageUp),
            KeyCode::Char('f') => Some(Action::PageDown),
            _ => None,
        };
    }
    match key.code {
        KeyCode::Up => return Some(Action::Up),
        KeyCode::Down => return Some(Action::Down),
        KeyCode::PageUp => return Some(Action::PageUp),
        KeyCode::PageDown => return Some(Action::PageDown),
        KeyCode::Home => return Some(Action::First),
        KeyCode::End => return Some(Action::Last),
        KeyCode::Enter => return Some(Action::Enter),
        KeyCode::Esc => return Some(Action::Back),
        _ => {}
    }
    match key.code {
        KeyCode::Backspace if typing => Some(Action::Erase),
        KeyCode::Char(c) if typing => Some(Action::Type(c)),
        KeyCode::Left | KeyCode::Backspace | KeyCode::Char('h') => Some(Action::Back),
        KeyCode::Right | KeyCode::Char('l') => Some(Action::Enter),
        KeyCode::Tab | KeyCode::Char('v') => Some(Action::Span),
        KeyCode::Char('k') => Some(Action::Up),
        KeyCode::Char('j') => Some(Action::Down),
        KeyCode::Char('g') => Some(Action::First),
        KeyCode::Char('G') => Some(Action::Last),
        KeyCode::Char('s') => Some(Action::Sort),
        KeyCode::Char('S') => Some(Action::Reverse),
        KeyCode::Char('b') => Some(Action::Group),
        KeyCode::Char('i') => Some(Action::Idle),
        KeyCode::Char(' ' | 'p') => Some(Action::Pause),
        KeyCode::Char('/') => Some(Action::Filter),
        KeyCode::Char('n') => Some(Action::Notes),
        KeyCode::Char('?') | KeyCode::F(1) => Some(Action::Help),
        KeyCode::Char('q') => Some(Action::Quit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::{Action, action};

    #[test]
    fn letters_are_text_while_typing_and_ctrl_c_always_quits() {
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        assert_eq!(action(key(KeyCode::Char('q')), false), Some(Action::Quit));
        assert_eq!(
            action(key(KeyCode::Char('q')), true),
            Some(Action::Type('q'))
        );
        assert_eq!(action(key(KeyCode::Down), true), Some(Action::Down));
        let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(ctrl_c, true), Some(Action::Quit));
        assert_eq!(action(key(KeyCode::Char('x')), false), None);
    }
}
