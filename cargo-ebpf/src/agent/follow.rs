//! The end that asks: reads the answer as it comes, and does not wait for ever.

use std::{
    io::{BufReader, Read},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use ebpf_build::Result;

use super::protocol::Answer;
use crate::interrupt;

/// How long the other end may be silent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Before its first word: a guest boots.
    pub start: Duration,
    /// Between two words: the verifier works on a program.
    pub step: Duration,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All was said.
    Done,
    /// It broke off.
    Closed,
    /// It was silent for this long.
    Silent(Duration),
    /// What came was not what was sent.
    Damaged(String),
}

/// Reads an answer to its end and gives each piece to `each`.
///
/// # Errors
/// After Ctrl-C.
pub(crate) fn follow(
    source: impl Read + Send + 'static,
    limits: Limits,
    mut each: impl FnMut(Answer),
) -> Result<Ended> {
    /// How soon Ctrl-C is noticed.
    const TICK: Duration = Duration::from_millis(50);
    let (sender, receiver) = mpsc::channel();
    // Ends with its source, or when nobody listens any more. A read cannot be broken off,
    // so it is not waited for.
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        loop {
            let read = Answer::read(&mut source);
            let more = matches!(read, Ok(Some(_)));
            if sender.send(read).is_err() || !more {
                break;
            }
        }
    });
    let mut limit = limits.start;
    let mut since = Instant::now();
    loop {
        let next = receiver.recv_timeout(TICK);
        // A signal ends the other end, too: then that it broke off is no result.
        interrupt::check()?;
        match next {
            Ok(Ok(Some(Answer::Done))) => return Ok(Ended::Done),
            Ok(Ok(Some(answer))) => each(answer),
            Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => return Ok(Ended::Closed),
            Ok(Err(cause)) if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Ok(Ended::Closed);
            }
            Ok(Err(cause)) => return Ok(Ended::Damaged(cause.to_string())),
            Err(RecvTimeoutError::Timeout) if since.elapsed() < limit => continue,
            Err(RecvTimeoutError::Timeout) => return Ok(Ended::Silent(limit)),
        }
        limit = limits.step;
        since = Instant::now();
    }
}
