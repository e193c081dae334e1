//! Which source lines cost the verifier most.

use std::{
    collections::HashMap,
    io::{self, BufRead, Read as _},
};

use serde::Serialize;

use super::{
    code::Code,
    log::{Event, EventKind, Line},
};
use crate::object::lines::{self, Frame};

/// What a source line cost the verifier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LineCost {
    /// The line, and those that it was inlined into: innermost first, without what
    /// libraries do below it.
    pub frames: Vec<Frame>,
    /// Instructions processed, each as often as the verifier went through it.
    pub processed: u64,
    /// The part of all, from 0 to 1.
    pub share: f64,
}

/// More than a line has of its instruction.
const HEAD: u64 = 256;

pub(super) fn of(code: &Code<'_, '_>, mut log: impl BufRead) -> io::Result<Vec<LineCost>> {
    let mut counts: HashMap<u32, u64> = HashMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        log.by_ref().take(HEAD).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            break;
        }
        if line.last() != Some(&b'\n') {
            log.skip_until(b'\n')?;
        }
        if let Line::Event(Event {
            kind: EventKind::Instruction(index),
            ..
        }) = Line::of(&String::from_utf8_lossy(&line))
        {
            *counts.entry(index).or_default() += 1;
        }
    }
    let all: u64 = counts.values().sum();
    let mut lines: HashMap<Vec<Frame>, u64> = HashMap::new();
    for (index, count) in counts {
        *lines.entry(own(code.frames(index))).or_default() += count;
    }
    let mut costs: Vec<_> = lines
        .into_iter()
        .map(|(frames, processed)| LineCost {
            frames,
            processed,
            #[expect(
                clippy::cast_precision_loss,
                reason = "a share is shown with two digits"
            )]
            share: processed as f64 / all as f64,
        })
        .collect();
    costs.sort_by(|a, b| {
        let place = |cost: &LineCost| {
            cost.frames
                .first()
                .map(|frame| (frame.file.clone(), frame.line))
        };
        b.processed
            .cmp(&a.processed)
            .then_with(|| place(a).cmp(&place(b)))
    });
    Ok(costs)
}

/// From the user's own code on; columns and texts would tell one line from itself.
fn own(mut frames: Vec<Frame>) -> Vec<Frame> {
    frames.drain(..lines::own(&frames).unwrap_or(0));
    for frame in &mut frames {
        frame.column = None;
    }
    frames
}
