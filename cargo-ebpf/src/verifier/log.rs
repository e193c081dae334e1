//! Reads the verifier's log. Its text is no interface: a line that is not known here
//! is passed on as it stands, a number that is not found is absent, never guessed.

use serde::Serialize;

/// What verifying a program cost. Every figure is absent where the kernel does not
/// give it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
        let number = line.trim_start().split_once(':').and_then(|(number, rest)| {
            Some((number.parse::<u32>().ok()?, rest.trim_start()))
        });
        if let Some((number, rest)) = number {
            // `7: (bf) ..` is an instruction, `7: R0=..` the registers there.
            return if is_opcode(rest) { Self::Instruction(number) } else { Self::Trace };
        }
        if line.starts_with(';') {
            return Self::Source;
        }
        if STATISTICS.iter().any(|(prefix, _)| line.starts_with(prefix)) {
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
        let depths: Option<Vec<u32>> = rest.trim().split('+').map(|depth| depth.parse().ok()).collect();
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
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
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
            .map(|text| Line { text, kind: Kind::of(text) })
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
