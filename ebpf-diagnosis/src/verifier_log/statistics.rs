//! The figures at the end of the verifier's log. Its text is no interface: a number that
//! is not found is absent, never guessed.

use serde::{Deserialize, Serialize};

/// What verifying a program cost. Every figure is absent where the kernel does not
/// give it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Statistics {
    /// Instructions that the verifier went through, each as often as it did.
    pub processed_instructions: Option<u64>,
    /// How many it would have gone through at most (1 million, see
    /// BPF_COMPLEXITY_LIMIT_INSNS in the kernel).
    pub instruction_limit: Option<u64>,
    /// The most states kept at one instruction.
    pub max_states_per_instruction: Option<u64>,
    /// States kept in all.
    pub total_states: Option<u64>,
    /// States kept at the same time, at most.
    pub peak_states: Option<u64>,
    /// The longest chain of parents that a register's reading was noted in.
    pub mark_read: Option<u64>,
    /// Bytes of stack of each function, the program itself first.
    pub stack_depths: Option<Vec<u32>>,
    /// Microseconds that the verifier took.
    pub verification_us: Option<u64>,
    /// Bytes of machine code made of it.
    pub jit_bytes: Option<u32>,
}

type Read = fn(&str, &mut Statistics);

/// The lines that veristat reads, and how.
const STATISTICS: &[(&str, Read)] = &[
    ("verification time ", |rest, statistics| {
        statistics.verification_us = number(rest, "", " usec");
    }),
    // Linux 7.3 gives the deepest chain here, and each function below.
    ("stack depth max ", |_, _| {}),
    ("subprog ", |rest, statistics| {
        // From the end: a function may be called like a figure.
        let depth = rest.rsplit_once(" stack ");
        if let Some(depth) = depth.and_then(|(_, depth)| depth.trim().parse().ok()) {
            statistics.stack_depths.get_or_insert_default().push(depth);
        }
    }),
    ("stack depth ", |rest, statistics| {
        let depths: Option<Vec<u32>> = rest
            .trim()
            .split('+')
            .map(|depth| depth.parse().ok())
            .collect();
        statistics.stack_depths = depths;
    }),
    ("processed ", |rest, statistics| {
        statistics.processed_instructions = number(rest, "", " insns");
        statistics.instruction_limit = number(rest, "(limit ", ")");
        statistics.max_states_per_instruction = number(rest, "max_states_per_insn ", " ");
        statistics.total_states = number(rest, "total_states ", " ");
        statistics.peak_states = number(rest, "peak_states ", " ");
        statistics.mark_read = number(rest, "mark_read ", " ");
    }),
];

/// The number between `before` and `after`, or the end of the line.
fn number(text: &str, before: &str, after: &str) -> Option<u64> {
    let start = text.find(before)? + before.len();
    let rest = text.get(start..)?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(end);
    let ends = rest.starts_with(after) || (after == " " && rest.is_empty());
    if ends { digits.parse().ok() } else { None }
}

impl Statistics {
    /// Reads those in `log`.
    pub fn of(log: &str) -> Self {
        let mut statistics = Self::default();
        for line in log.lines() {
            if let Some((rest, read)) = figure(line) {
                read(rest, &mut statistics);
            }
        }
        statistics
    }
}

/// Whether the verifier said nothing but figures.
pub fn is_silent(log: &str) -> bool {
    log.lines().all(|line| line.is_empty() || is_figure(line))
}

/// Whether a line of the log holds figures.
pub fn is_figure(line: &str) -> bool {
    figure(line).is_some()
}

fn figure(line: &str) -> Option<(&str, &Read)> {
    STATISTICS
        .iter()
        .find_map(|(prefix, read)| Some((line.strip_prefix(prefix)?, read)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOP: &str = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-loop.log");
    const SHORT: &str = include_str!("../../../cargo-ebpf/tests/verify/logs/6.18-short.log");

    #[test]
    fn figures_of_6_18() {
        let statistics = Statistics::of(LOOP);
        assert_eq!(
            statistics,
            Statistics {
                processed_instructions: Some(13),
                instruction_limit: Some(1_000_000),
                max_states_per_instruction: Some(0),
                total_states: Some(1),
                peak_states: Some(1),
                mark_read: Some(0),
                stack_depths: Some(vec![0]),
                verification_us: Some(31),
                jit_bytes: None,
            }
        );
    }

    #[test]
    fn a_missing_or_mangled_figure_is_absent() {
        let statistics = Statistics::of(
            "stack depth 8+x\nprocessed many insns (limit 12x) total_states 5 peak_states 6z\n",
        );
        let expected = Statistics {
            total_states: Some(5),
            ..Statistics::default()
        };
        assert_eq!(statistics, expected);
        assert_eq!(Statistics::of(""), Statistics::default());
        let huge = Statistics::of("processed 99999999999999999999999 insns (limit 1)");
        assert_eq!(huge.processed_instructions, None);
    }

    #[test]
    fn every_function_has_its_stack() {
        let statistics = Statistics::of("stack depth 32+0+8\n");
        assert_eq!(statistics.stack_depths, Some(vec![32, 0, 8]));
    }

    #[test]
    fn every_function_has_a_line_from_7_3_on() {
        let statistics = Statistics::of(
            "stack depth max 40\n\
             subprog 0 (main) main insns_self 9 insns_total 13 stack 32\n\
             subprog 1 (stack ) static insns_self 4 insns_total 4 stack 8\n",
        );
        assert_eq!(statistics.stack_depths, Some(vec![32, 8]));
    }

    #[test]
    fn figures_alone_are_silence() {
        assert!(is_silent(""));
        assert!(is_silent("processed 0 insns (limit 1000000)\n"));
        assert!(!is_silent(SHORT));
    }
}
