//! The end that asks: reads the answer as it comes, with deadlines that follow the
//! progress of the other end.

use std::{
    io::{BufReader, Read},
    sync::mpsc::{self, RecvTimeoutError},
    time::{Duration, Instant},
};

use ebpf_build::Result;

use super::protocol::Answer;
use crate::{host::thread, interrupt, verifier::observation::Event};

/// How long is waited for the other end, always since its last answer. The time in which it is
/// ready to run and others have the CPU does not count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// With no sign of life: while a guest boots, and between two programs. What a
    /// guest prints on its console starts it again.
    pub silence: Duration,
    /// While a guest boots and between two programs, whatever it prints.
    pub ceiling: Duration,
    /// While the verifier works on a program, or a test runs.
    pub step: Duration,
}

/// The deadline that ended an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deadline {
    /// [`Limits::silence`].
    Silence(Duration),
    /// [`Limits::ceiling`].
    Ceiling(Duration),
    /// [`Limits::step`].
    Step(Duration),
}

/// A moment, by two clocks.
#[derive(Debug, Clone, Copy)]
struct Moment {
    at: Instant,
    /// For how long the other end had been kept from a CPU until then.
    kept: Duration,
}

impl Limits {
    /// The deadline that has passed, if one has: `answered` is when the last answer came,
    /// `lively` when there was the last sign of life.
    fn passed(
        &self,
        in_step: bool,
        now: Moment,
        answered: Moment,
        lively: Moment,
    ) -> Option<Deadline> {
        let beyond = |since: Moment, limit| {
            let kept = now.kept.saturating_sub(since.kept);
            now.at.duration_since(since.at).saturating_sub(kept) >= limit
        };
        if in_step {
            // What a kernel prints meanwhile is no progress of its verifier.
            return beyond(answered, self.step).then_some(Deadline::Step(self.step));
        }
        if beyond(lively, self.silence) {
            return Some(Deadline::Silence(self.silence));
        }
        beyond(answered, self.ceiling).then_some(Deadline::Ceiling(self.ceiling))
    }
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All was said.
    Done,
    /// It broke off.
    Closed,
    /// This deadline passed.
    TimedOut(Deadline),
    /// What came was not what was sent.
    Damaged(String),
}

/// Reads an answer to its end and gives each piece to `each`. `printed` is how much the
/// other end has printed elsewhere so far, in bytes: that it grows is a sign of life. `kept` is for
/// how long it has been kept from a CPU so far.
///
/// # Errors
/// After Ctrl-C.
pub(crate) fn follow(
    source: impl Read + Send + 'static,
    limits: Limits,
    printed: impl Fn() -> u64,
    kept: impl Fn() -> Duration,
    mut each: impl FnMut(Answer),
) -> Result<Ended> {
    /// How soon Ctrl-C is noticed.
    const TICK: Duration = Duration::from_millis(50);
    let (sender, receiver) = mpsc::channel();
    // Ends with its source, or when nobody listens any more. A read cannot be broken off,
    // so it is not waited for.
    thread::start("answers", move || {
        let mut source = BufReader::new(source);
        loop {
            let read = Answer::read(&mut source);
            let more = matches!(read, Ok(Some(_)));
            if sender.send(read).is_err() || !more {
                break;
            }
        }
    })?;
    let mut in_step = false;
    let now = || Moment {
        at: Instant::now(),
        kept: kept(),
    };
    let mut answered = now();
    let mut lively = answered;
    let mut length = printed();
    loop {
        let next = receiver.recv_timeout(TICK);
        // A signal ends the other end, too: then that it broke off is no result.
        interrupt::check()?;
        match next {
            Ok(Ok(Some(Answer::Done))) => return Ok(Ended::Done),
            Ok(Ok(Some(answer))) => {
                in_step = matches!(
                    &answer,
                    Answer::Event(Event::Trying(_) | Event::Decided(_)) | Answer::Testing(_)
                );
                each(answer);
                answered = now();
                lively = answered;
            }
            Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => return Ok(Ended::Closed),
            Ok(Err(cause)) if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Ok(Ended::Closed);
            }
            Ok(Err(cause)) => return Ok(Ended::Damaged(cause.to_string())),
            Err(RecvTimeoutError::Timeout) => {
                let now = now();
                let printed = printed();
                if printed != length {
                    length = printed;
                    lively = now;
                }
                if let Some(deadline) = limits.passed(in_step, now, answered, lively) {
                    return Ok(Ended::TimedOut(deadline));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        io::{self, pipe},
    };

    use super::*;
    use crate::verifier::observation::ProgramInfo;

    const QUICK: Limits = Limits {
        silence: Duration::from_millis(300),
        ceiling: Duration::from_secs(5),
        step: Duration::from_millis(300),
    };

    fn said(answers: &[Answer]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for answer in answers {
            answer.write(&mut bytes).unwrap();
        }
        bytes
    }

    fn hello() -> Answer {
        Answer::Hello {
            release: "6.1".to_owned(),
        }
    }

    fn never_kept() -> Duration {
        Duration::ZERO
    }

    /// How it ended, and how many pieces came before.
    fn followed(bytes: Vec<u8>) -> (Ended, usize) {
        let mut count = 0;
        let ended = follow(
            io::Cursor::new(bytes),
            QUICK,
            || 0,
            never_kept,
            |_| count += 1,
        )
        .unwrap();
        (ended, count)
    }

    #[test]
    fn a_whole_answer_is_done() {
        let whole = said(&[hello(), Answer::Object(0), Answer::Done]);
        assert_eq!(followed(whole.clone()), (Ended::Done, 2));
        let among = [b"SeaBIOS\r\n".as_slice(), &whole, b"panic"].concat();
        assert_eq!(followed(among), (Ended::Done, 2));
    }

    #[test]
    fn one_that_is_cut_off_anywhere_is_closed() {
        let whole = said(&[hello(), Answer::Object(0), Answer::Done]);
        for length in 0..whole.len() {
            let (ended, _) = followed(whole[..length].to_vec());
            assert_eq!(ended, Ended::Closed, "after {length} bytes");
        }
    }

    #[test]
    fn damage_ends_it_also_where_more_follows() {
        let mut bytes = said(&[hello()]);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        bytes.extend(said(&[Answer::Object(0), Answer::Done]));
        let (ended, count) = followed(bytes);
        assert!(matches!(ended, Ended::Damaged(what) if what.contains("checksum")));
        assert_eq!(count, 0);
        // Whole, and not what is said here.
        let mut other = Vec::new();
        super::super::frame::write(&mut other, b"{\"Hello\":3}").unwrap();
        assert!(matches!(followed(other).0, Ended::Damaged(_)));
    }

    #[test]
    fn silence_has_an_end() {
        let (reader, mut writer) = pipe().unwrap();
        let since = Instant::now();
        let limits = Limits {
            step: Duration::from_millis(100),
            ..QUICK
        };
        let trying = Event::Trying(ProgramInfo {
            name: "busy".to_owned(),
            section: "xdp".to_owned(),
            program_type: "xdp".to_owned(),
            instructions: 2,
        });
        let words = said(&[hello(), Answer::Event(trying)]);
        writer.write_all(&words).unwrap();
        let ended = follow(reader, limits, || 0, never_kept, |_| {}).unwrap();
        assert_eq!(ended, Ended::TimedOut(Deadline::Step(limits.step)));
        assert!(since.elapsed() < Duration::from_secs(5));
        // Noise is no word.
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(b"[ 0.1] booting").unwrap();
        let ended = follow(reader, limits, || 0, never_kept, |_| {}).unwrap();
        assert_eq!(ended, Ended::TimedOut(Deadline::Silence(limits.silence)));
    }

    #[test]
    fn a_guest_that_prints_has_longer_but_not_forever() {
        let (reader, _writer) = pipe().unwrap();
        let limits = Limits {
            silence: Duration::from_millis(200),
            ceiling: Duration::from_millis(700),
            step: Duration::from_millis(10),
        };
        let since = Instant::now();
        // A console that grows all the time.
        let printed = || u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let ended = follow(reader, limits, printed, never_kept, |_| {}).unwrap();
        assert_eq!(ended, Ended::TimedOut(Deadline::Ceiling(limits.ceiling)));
        assert!(since.elapsed() >= limits.ceiling);
    }

    #[test]
    fn time_without_a_cpu_does_not_count() {
        let (reader, _writer) = pipe().unwrap();
        let since = Instant::now();
        // Kept from a CPU nine tenths of the time.
        let kept = || since.elapsed().mul_f64(0.9);
        let ended = follow(reader, QUICK, || 0, kept, |_| {}).unwrap();
        assert_eq!(ended, Ended::TimedOut(Deadline::Silence(QUICK.silence)));
        assert!(since.elapsed() >= QUICK.silence * 9);
    }
}
