//! How often the verifier went through each instruction, from a log that names each step.

use serde::{Deserialize, Serialize};

/// Counts of steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Visits {
    /// By the instruction's index in the program with all functions that it calls.
    pub counts: Vec<u64>,
    /// Whether the log was longer than the largest buffer there may be, so that only a
    /// part of the steps is counted.
    pub truncated: bool,
}

impl Visits {
    /// Counts the steps in `log` of a program with `instructions` instructions.
    pub(super) fn of(log: &str, instructions: usize, truncated: bool) -> Self {
        let mut counts = vec![0; instructions];
        for line in log.lines() {
            if let Some(count) = step(line).and_then(|index| counts.get_mut(index)) {
                *count += 1;
            }
        }
        Self { counts, truncated }
    }
}

/// The instruction in a line such as `7: (bf) r6 = r1`, as all kernels write it. One that
/// is found to have been reached before counts, too: `7: safe`, `from 3 to 7: safe`. Other
/// lines with a number are states.
fn step(line: &str) -> Option<usize> {
    let (index, rest) = line.trim_start().split_once(':')?;
    match rest.trim_start() {
        "safe" => index.rsplit(' ').next(),
        rest if rest.starts_with('(') => Some(index),
        _ => None,
    }?
    .parse()
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_and_nothing_else() {
        let log = "0: R1=ctx() R10=fp0\n\
                   0: (bf) r6 = r1                       ; R1=ctx() R6_w=ctx()\n\
                   ; let x = 1: (a) @ main.rs:3\n\
                   1: (95) exit\n\
                   from 0 to 1: R6=ctx()\n\
                   1: (95) exit\n\
                   from 0 to 1: safe\n\
                   0: safe\n\
                   9999999: (95) exit\n\
                   processed 3 insns (limit 1000000)\n";
        let visits = Visits::of(log, 2, false);
        assert_eq!(visits.counts, [2, 3]);
    }
}
