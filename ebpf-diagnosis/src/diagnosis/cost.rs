//! Which source lines cost the verifier most.

use std::collections::HashMap;

use serde::Serialize;

use super::code::Code;
use crate::{
    object::lines::{self, Frame},
    verifier_log::visits::Visits,
};

/// What the verifier spent its work on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Hot {
    /// The most expensive first.
    pub lines: Vec<LineCost>,
    /// Whether the log was too long, so that only a part of the work is counted.
    pub truncated: bool,
}

/// What a source line cost the verifier.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LineCost {
    /// The line, and those that it was inlined into: innermost first, without what
    /// libraries do below it.
    pub frames: Vec<Frame>,
    /// Instructions processed, each as often as the verifier went through it.
    pub processed: u64,
    /// The part of all, from 0 to 1.
    pub share: f64,
}

pub(super) fn of(code: &Code<'_, '_>, visits: &Visits) -> Hot {
    let counts = (0..).zip(&visits.counts).filter(|(_, count)| **count > 0);
    let all: u64 = visits.counts.iter().sum();
    let mut lines: HashMap<Vec<Frame>, u64> = HashMap::new();
    for (index, &count) in counts {
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
    Hot {
        lines: costs,
        truncated: visits.truncated,
    }
}

/// From the user's own code on; columns and texts would tell one line from itself.
fn own(mut frames: Vec<Frame>) -> Vec<Frame> {
    frames.drain(..lines::own(&frames).unwrap_or(0));
    for frame in &mut frames {
        frame.column = None;
    }
    frames
}
