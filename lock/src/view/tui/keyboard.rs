//! Keys from the bytes that a terminal sends for them.
//!
//! Not crossterm's own reader: it reads a terminal that is gone over and over, and leaves
//! keys unread that come together with a change of the size (0.29).

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _},
    os::fd::AsFd as _,
    time::Duration,
};

use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// How long the rest of a key may take that began with ESC, over a slow line. Nothing
/// until then: it was the key Esc.
const REST: Duration = Duration::from_millis(50);

/// A terminal's keyboard.
#[derive(Debug)]
pub(super) struct Keyboard {
    terminal: File,
    decoder: Decoder,
}

impl Keyboard {
    /// Standard input; if that is something else than a terminal, that of the session.
    pub(super) fn open() -> io::Result<Self> {
        let stdin = io::stdin();
        let terminal = if stdin.is_terminal() {
            File::from(stdin.as_fd().try_clone_to_owned()?)
        } else {
            File::open("/dev/tty")?
        };
        Ok(Self {
            terminal,
            decoder: Decoder::default(),
        })
    }

    /// Waits for keys. An error means that the terminal is gone.
    pub(super) fn read(&mut self) -> io::Result<Vec<KeyEvent>> {
        let limit = (!self.decoder.pending.is_empty()).then_some(REST);
        if !self.readable(limit)? {
            return Ok(self.decoder.give_up());
        }
        let mut bytes = [0; 1024];
        match self.terminal.read(&mut bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => Ok(self.decoder.decode(bytes.get(..count).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Waits until there is something to read, or for so long.
    fn readable(&self, limit: Option<Duration>) -> io::Result<bool> {
        let mut input = [PollFd::new(&self.terminal, PollFlags::IN)];
        let limit = limit.map(Timespec::try_from).transpose();
        let limit = limit.map_err(io::Error::other)?;
        match poll(&mut input, limit.as_ref()) {
            // A terminal that is gone is readable: reading it fails.
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Makes keys of bytes.
#[derive(Debug, Default)]
struct Decoder {
    /// The begin of a key.
    pending: Vec<u8>,
}

/// What bytes begin with.
enum Begin {
    /// A key, or nothing that is used here, and how many bytes it has.
    Whole(Option<KeyEvent>, usize),
    /// Perhaps a key, when the rest comes.
    Part,
}

impl Decoder {
    fn decode(&mut self, bytes: &[u8]) -> Vec<KeyEvent> {
        self.pending.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while !self.pending.is_empty() {
            match begin(&self.pending) {
                Begin::Whole(key, length) => {
                    keys.extend(key);
                    self.pending.drain(..length.min(self.pending.len()));
                }
                Begin::Part => break,
            }
        }
        keys
    }

    /// The rest does not come.
    fn give_up(&mut self) -> Vec<KeyEvent> {
        let pending = std::mem::take(&mut self.pending);
        match pending.as_slice() {
            [ESC, ..] => vec![plain(KeyCode::Esc)],
            _ => Vec::new(),
        }
    }
}

const ESC: u8 = 0x1b;

/// No sequence is longer, and no terminal is to fill the memory.
const LONGEST: usize = 32;

fn plain(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

fn begin(bytes: &[u8]) -> Begin {
    let whole = |code, length| Begin::Whole(Some(plain(code)), length);
    match *bytes {
        [ESC] | [ESC, b'O'] => Begin::Part,
        [ESC, b'[', ref rest @ ..] => sequence(rest),
        [ESC, b'O', last, ..] => Begin::Whole(named(last).map(plain), 3),
        // Esc, and another key after it: also what Alt makes of a key.
        [ESC, ..] => whole(KeyCode::Esc, 1),
        [b'\r' | b'\n', ..] => whole(KeyCode::Enter, 1),
        [b'\t', ..] => whole(KeyCode::Tab, 1),
        [0x7f | 0x08, ..] => whole(KeyCode::Backspace, 1),
        [letter @ 1..=26, ..] => {
            let code = KeyCode::Char(char::from(letter - 1 + b'a'));
            Begin::Whole(Some(KeyEvent::new(code, KeyModifiers::CONTROL)), 1)
        }
        [0..0x20, ..] => Begin::Whole(None, 1),
        _ => character(bytes),
    }
}

/// What follows ESC [: parameters, and a last byte that says what it is.
fn sequence(rest: &[u8]) -> Begin {
    let Some(at) = rest.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return if rest.len() > LONGEST {
            Begin::Whole(None, rest.len().saturating_add(2))
        } else {
            Begin::Part
        };
    };
    let parameters = rest.get(..at).unwrap_or_default();
    // Modifiers, after a semicolon, make no difference here.
    let first = parameters.split(|&byte| byte == b';').next();
    let code = match rest.get(at) {
        Some(b'~') => match first {
            Some(b"1" | b"7") => Some(KeyCode::Home),
            Some(b"4" | b"8") => Some(KeyCode::End),
            Some(b"5") => Some(KeyCode::PageUp),
            Some(b"6") => Some(KeyCode::PageDown),
            Some(b"11") => Some(KeyCode::F(1)),
            _ => None,
        },
        Some(&last) => named(last),
        None => None,
    };
    Begin::Whole(code.map(plain), at.saturating_add(3))
}

/// The keys that one letter stands for.
fn named(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'M' => KeyCode::Enter,
        b'P' => KeyCode::F(1),
        _ => return None,
    })
}

/// A character in UTF-8. What is none is left out.
fn character(bytes: &[u8]) -> Begin {
    let chunk = bytes.get(..bytes.len().min(4)).unwrap_or_default();
    let valid = match std::str::from_utf8(chunk) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => chunk
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
        Err(error) => {
            return match error.error_len() {
                Some(length) => Begin::Whole(None, length),
                None => Begin::Part,
            };
        }
    };
    match valid.chars().next() {
        Some(c) => Begin::Whole(Some(plain(KeyCode::Char(c))), c.len_utf8()),
        None => Begin::Whole(None, 1),
    }
}

#[cfg(test)]
mod tests {
    use ratatui_crossterm::crossterm::event::KeyCode::{
        self, Backspace, Char, Down, End, Enter, Esc, Home, Up,
    };

    use super::Decoder;

    fn codes(bytes: &[u8]) -> Vec<KeyCode> {
        let mut decoder = Decoder::default();
        let mut keys = decoder.decode(bytes);
        keys.extend(decoder.give_up());
        keys.into_iter().map(|key| key.code).collect()
    }

    #[test]
    fn keys_as_terminals_send_them() {
        assert_eq!(codes(b"jk\r\x7f"), [Char('j'), Char('k'), Enter, Backspace]);
        assert_eq!(codes(b"\x1b[A\x1bOB\x1b[1;5A"), [Up, Down, Up]);
        assert_eq!(codes(b"\x1b[1~\x1b[F\x1b[99~x"), [Home, End, Char('x')]);
        assert_eq!(codes("锁ü".as_bytes()), [Char('锁'), Char('ü')]);
        assert_eq!(codes(b"\x03"), [Char('c')]);
    }

    #[test]
    fn esc_is_a_key_when_nothing_follows_or_something_else() {
        assert_eq!(codes(b"\x1b"), [Esc]);
        assert_eq!(codes(b"\x1b?"), [Esc, Char('?')]);
        assert_eq!(codes(b"\x1b\x1b[A"), [Esc, Up]);
    }

    #[test]
    fn a_key_may_come_in_parts() {
        let mut decoder = Decoder::default();
        for part in [&b"\x1b"[..], b"[", b"5"] {
            assert_eq!(decoder.decode(part), []);
        }
        let keys = decoder.decode(b"~\xc3");
        assert_eq!(keys.first().map(|key| key.code), Some(KeyCode::PageUp));
        let keys = decoder.decode(b"\xbc");
        assert_eq!(keys.first().map(|key| key.code), Some(Char('ü')));
    }

    #[test]
    fn any_bytes_are_taken() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut decoder = Decoder::default();
        for _ in 0..20_000 {
            let bytes = (0..random.usize(0..8)).map(|_| {
                let likely = [0x1b, b'[', b'O', b'1', b';', b'~', 0xc3, 0xf0];
                *random.choice(&likely).unwrap_or(&0)
            });
            let bytes = bytes.collect::<Vec<_>>();
            decoder.decode(&bytes);
            assert!(decoder.pending.len() < 64);
        }
    }
}
