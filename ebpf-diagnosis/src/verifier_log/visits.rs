//! How often the verifier went through each instruction, from a log that names each step.

use serde::{Deserialize, Serialize};

/// Counts of steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Visits {
    /// By the instruction's index in the program with all functions that it calls.
    pub counts: Vec<u64>,
    /// Whether the log was longer than the largest buffer there may be, so that only a
    /// part of the steps is counted.
    pub truncated: bool,
}

impl Visits {
    /// Counts the steps in `log` of a program with `instructions` instructions.
    pub fn of(log: &str, instructions: usize, truncated: bool) -> Self {
        let mut counts = vec![0; instructions];
        for line in log.lines() {
            // What was listed so far is what the kernel worked out beforehand (7.3).
            if line == STEPS_BEGIN {
                counts.fill(0);
            }
            if let Some(count) = step(line).and_then(|index| counts.get_mut(index)) {
                *count += 1;
            }
        }
        Self { counts, truncated }
    }
}

/// The head of the last listing before the first step, whose own lines are indented. From
/// Linux 6.15 on.
const STEPS_BEGIN: &str = "Live regs before insn:";

/// The instruction in a line such as `7: (bf) r6 = r1`, as all kernels write it. One that
/// is found to have been reached before counts, too: `7: safe`, `from 3 to 7: safe`. Other
/// lines with a number are states.
fn step(line: &str) -> Option<usize> {
    let (index, rest) = line.split_once(':')?;
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
        let log = "stack use/def subprog#0 main (d0,cs0):\n\
                     1: (95) exit\n\
                   1: (95) exit\n\
                   Live regs before insn:\n      \
                         1: .1........ (95) exit\n\
                   0: R1=ctx() R10=fp0\n\
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
