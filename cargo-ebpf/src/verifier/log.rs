//! Reads the verifier's log. Its text is no interface: a line that is not known here
//! is passed on as it stands, a number that is not found is absent, never guessed.

use serde::{Deserialize, Serialize};

/// What verifying a program cost. Every figure is absent where the kernel does not
/// give it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Statistics {
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

/// A verifier log, read.
#[derive(Debug, Clone)]
pub(super) struct Log<'text> {
    lines: Vec<Line<'text>>,
    pub(super) statistics: Statistics,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line<'text> {
    text: &'text str,
    kind: Kind,
}

/// What a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `7: (bf) r6 = r1  ; R1=ctx() R6_w=ctx()`: this instruction.
    Instruction(u32),
    /// `; let x = y; @ main.rs:12`: the source of what follows.
    Source,
    /// Registers, paths and the bookkeeping of precision: how it got there.
    Trace,
    /// The figures at the end.
    Statistics,
    /// Anything else: what the verifier has to say.
    Message,
}

/// Beginnings of lines that tell how the verifier got somewhere.
const TRACE: &[&str] = &[
    "from ",
    "mark_precise:",
    "last_idx ",
    "regs=",
    "parent ",
    "parent didn't have regs=",
    "propagating ",
    "Live regs before insn:",
    "func#",
    "caller:",
    "callee:",
    "returning from callee:",
    "to caller at ",
    "Validating ",
];

impl Kind {
    fn of(line: &str) -> Self {
        let number = line
            .trim_start()
            .split_once(':')
            .and_then(|(number, rest)| Some((number.parse::<u32>().ok()?, rest.trim_start())));
        if let Some((number, rest)) = number {
            // `7: (bf) ..` is an instruction, `7: R0=..` the registers there.
            return if is_opcode(rest) {
                Self::Instruction(number)
            } else {
                Self::Trace
            };
        }
        if line.starts_with(';') {
            return Self::Source;
        }
        if STATISTICS
            .iter()
            .any(|(prefix, _)| line.starts_with(prefix))
        {
            return Self::Statistics;
        }
        if TRACE.iter().any(|prefix| line.starts_with(prefix)) || is_registers(line) {
            return Self::Trace;
        }
        Self::Message
    }
}

fn is_opcode(text: &str) -> bool {
    matches!(text.as_bytes(), [b'(', a, b, b')', ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// ` R0=scalar() R10=fp0` and ` frame1: R1=..`, as kernels before 5.18 print them.
fn is_registers(line: &str) -> bool {
    let text = line.trim_start();
    line.len() > text.len()
        && (text.starts_with("frame")
            || (text.starts_with('R') && text[1..].starts_with(|c: char| c.is_ascii_digit())))
}

type Read = fn(&str, &mut Statistics);

/// The lines that veristat reads, and how.
const STATISTICS: &[(&str, Read)] = &[
    ("verification time ", |rest, statistics| {
        statistics.verification_us = number(rest, "", " usec");
    }),
    ("stack depth ", |rest, statistics| {
        let depths: Option<Vec<u32>> = rest
            .trim()
            .split('+')
            .map(|depth| depth.parse().ok())
            .collect();
        statistics.stack_depths = depths;
    }),
    // From 7.x on each function has a line of its own, after `stack depth max ..`:
    // `subprog 1 (name) static insns_self 58 insns_total 58 stack 112`.
    ("subprog ", |rest, statistics| {
        let depth = rest
            .rsplit_once(" stack ")
            .and_then(|(_, depth)| depth.trim().parse().ok());
        if let Some(depth) = depth {
            let depths = statistics.stack_depths.get_or_insert_default();
            depths.push(depth);
        }
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

/// What leads to a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// What the verifier said last.
    pub(super) message: Vec<String>,
    /// The lines that lead there.
    pub(super) lead: Vec<String>,
    /// How many lines stand before them.
    pub(super) omitted: usize,
    /// The instruction that it was at.
    pub(super) instruction: Option<u32>,
}

impl<'text> Log<'text> {
    /// Reads a log.
    pub(super) fn parse(text: &'text str) -> Self {
        let mut statistics = Statistics::default();
        let lines = text
            .lines()
            .filter(|line| !line.is_empty())
            .map(|text| Line {
                text,
                kind: Kind::of(text),
            })
            .inspect(|line| {
                for (prefix, read) in STATISTICS {
                    if let Some(rest) = line.text.strip_prefix(prefix) {
                        read(rest, &mut statistics);
                    }
                }
            })
            .collect();
        Self { lines, statistics }
    }

    /// Whether the verifier said anything but figures.
    pub(super) fn is_silent(&self) -> bool {
        self.lines.iter().all(|line| line.kind == Kind::Statistics)
    }

    /// What leads to the refusal that ends this log.
    pub(super) fn excerpt(&self) -> Excerpt {
        /// How many lines of trace are shown before the message.
        const LEAD: usize = 12;
        // A short log has a source line behind the message, some kernels another one.
        let tail = |line: &Line<'_>| matches!(line.kind, Kind::Statistics | Kind::Source);
        let after = |last: Option<usize>| last.map_or(0, |last| last + 1);
        let end = after(self.lines.iter().rposition(|line| !tail(line)));
        let lines = self.lines.get(..end).unwrap_or_default();
        let message = after(lines.iter().rposition(|line| line.kind != Kind::Message));
        let (lead, message) = lines.split_at(message);
        let start = lead.len().saturating_sub(LEAD);
        let text = |lines: &[Line<'_>]| lines.iter().map(|line| line.text.to_owned()).collect();
        Excerpt {
            message: text(message),
            lead: text(lead.get(start..).unwrap_or_default()),
            omitted: start,
            instruction: lead.iter().rev().find_map(|line| match line.kind {
                Kind::Instruction(number) => Some(number),
                _ => None,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOP: &str = include_str!("../../tests/verify/logs/6.18-loop.log");
    const PACKET: &str = include_str!("../../tests/verify/logs/6.18-packet.log");
    const CONTEXT: &str = include_str!("../../tests/verify/logs/6.18-context.log");
    const SHORT: &str = include_str!("../../tests/verify/logs/6.18-short.log");

    #[test]
    fn figures_of_6_18() {
        let statistics = Log::parse(LOOP).statistics;
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

    /// As Linux 7.3 ends a log: a function of its own may be called like a figure.
    #[test]
    fn figures_by_function() {
        let log = Log::parse(
            "invalid func unknown#7\n\
             verification time 7315 usec\n\
             stack depth max 8\n\
             subprog 0 (reads) main insns_self 2 insns_total 8 stack 0\n\
             subprog 1 (stack ) global insns_self 6 insns_total 6 stack 8\n\
             processed 8 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n",
        );
        assert_eq!(log.statistics.stack_depths, Some(vec![0, 8]));
        assert_eq!(log.statistics.processed_instructions, Some(8));
        assert_eq!(log.excerpt().message, ["invalid func unknown#7"]);
    }

    #[test]
    fn a_missing_or_mangled_figure_is_absent() {
        let log = Log::parse(
            "stack depth 8+x\nprocessed many insns (limit 12x) total_states 5 peak_states 6z\n",
        );
        let expected = Statistics {
            total_states: Some(5),
            ..Statistics::default()
        };
        assert_eq!(log.statistics, expected);
        assert_eq!(Log::parse("").statistics, Statistics::default());
        let huge = Log::parse("processed 99999999999999999999999 insns (limit 1)");
        assert_eq!(huge.statistics.processed_instructions, None);
    }

    #[test]
    fn every_function_has_its_stack() {
        let log = Log::parse("stack depth 32+0+8\n");
        assert_eq!(log.statistics.stack_depths, Some(vec![32, 0, 8]));
    }

    #[test]
    fn message_is_what_stands_between_steps_and_figures() {
        let excerpt = Log::parse(PACKET).excerpt();
        assert_eq!(
            excerpt.message,
            [
                "invalid access to packet, off=12 size=1, R1(id=0,off=12,r=0)",
                "R1 offset is outside of the packet"
            ]
        );
        assert_eq!(excerpt.instruction, Some(1));
        assert_eq!(excerpt.omitted, 0);
        assert_eq!(
            excerpt.lead.last().map(String::as_str),
            Some("1: (71) r1 = *(u8 *)(r1 +12)")
        );
    }

    #[test]
    fn states_that_are_compared_are_part_of_the_message() {
        let excerpt = Log::parse(LOOP).excerpt();
        assert_eq!(excerpt.message.len(), 3);
        assert_eq!(excerpt.message[0], "infinite loop detected at insn 0");
        assert_eq!(excerpt.omitted, 1);
        assert_eq!(excerpt.lead.len(), 12);
    }

    #[test]
    fn short_log_and_long_log_give_the_same_message() {
        assert_eq!(
            Log::parse(SHORT).excerpt().message,
            Log::parse(CONTEXT).excerpt().message
        );
        assert_eq!(Log::parse(SHORT).excerpt().instruction, None);
    }

    #[test]
    fn figures_alone_are_silence() {
        assert!(Log::parse("").is_silent());
        assert!(Log::parse("processed 0 insns (limit 1000000)\n").is_silent());
        assert!(!Log::parse(SHORT).is_silent());
    }

    #[test]
    fn unknown_lines_are_passed_on() {
        let excerpt = Log::parse("0: (95) exit\nsomething that no kernel says yet\n").excerpt();
        assert_eq!(excerpt.message, ["something that no kernel says yet"]);
    }

    #[test]
    fn lines_of_older_kernels_are_known() {
        for line in [
            "7: R0=inv(id=0) R10=fp0",
            " R0_w=map_value(id=0) R10=fp0",
            " frame1: R1=ctx",
            "from 3 to 5: R0=inv0",
            "last_idx 5 first_idx 0",
            "regs=1 stack=0 before 4: (b7) r0 = 0",
        ] {
            assert_eq!(Kind::of(line), Kind::Trace, "{line}");
        }
        assert_eq!(Kind::of("7: (bf) r6 = r1"), Kind::Instruction(7));
        assert_eq!(Kind::of("; return ctx->x;"), Kind::Source);
        assert_eq!(Kind::of("R1 invalid mem access 'inv'"), Kind::Message);
    }
}
