//! The verifier's log as a model: what it went through, in order, and what it said last.
//! Lines are slices of the log. Its text is no interface: what is not known here is
//! passed over, and shown as it stands where it is the reason.
//!
//! Sources: `do_check` in the kernel's kernel/bpf/verifier.c, and `print_verifier_state`
//! there (up to 6.1) and in kernel/bpf/log.c.

use super::statistics::is_figure;

/// One thing on the verifier's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event<'text> {
    /// What happened.
    pub(crate) kind: EventKind,
    /// What stands behind the numbers.
    pub(crate) text: &'text str,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// `7: (bf) r6 = r1  ; R1=ctx() R6_w=ctx()`: this instruction was processed.
    Instruction(u32),
    /// `7: R1=ctx() R10=fp0`: what is known before this instruction, or without a number,
    /// behind it.
    State(u32),
    /// `from 3 to 7: R0=..`: a path that was put off when the first was processed is
    /// taken up at the second.
    Jump(u32, u32),
    /// A function that is verified by itself begins.
    Function,
}

/// What a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'text> {
    /// A step on the way.
    Event(Event<'text>),
    /// `; let x = y; @ main.rs:12`: the source of what follows.
    Source,
    /// Bookkeeping: precision, live registers, paths that are cut.
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
    "propagating ",
    "Live regs before insn:",
    // What 5.10 and 6.1 remark on every program's context.
    "Unrecognized arg#",
    "func#",
    "caller:",
    "callee:",
    "returning from callee:",
    "to caller at ",
];

/// From 7.3 on the kernel explains some refusals itself, behind the message of before.
const REPORT: &str = "\nVerification failed: ";

impl<'text> Line<'text> {
    /// Reads a line.
    pub(crate) fn of(line: &'text str) -> Self {
        let event = |kind, text| Self::Event(Event { kind, text });
        if let Some((number, rest)) = numbered(line) {
            let kind = if is_opcode(rest) {
                EventKind::Instruction(number)
            } else {
                EventKind::State(number)
            };
            return event(kind, rest);
        }
        if line.starts_with(';') {
            return Self::Source;
        }
        if is_figure(line) {
            return Self::Statistics;
        }
        if let Some((from, to, rest)) = jump(line) {
            return event(EventKind::Jump(from, to), rest);
        }
        if line.starts_with("Validating ") {
            return event(EventKind::Function, line);
        }
        let is_remark = line.starts_with("arg#") && line.ends_with(" type is not a struct");
        let is_trace = TRACE.iter().any(|start| line.starts_with(start));
        if is_trace || is_remark || is_registers(line) {
            return Self::Trace;
        }
        Self::Message
    }
}

/// `7: rest`, also where it is indented.
fn numbered(line: &str) -> Option<(u32, &str)> {
    let line = line.trim_start();
    let end = line.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = line.split_at(end);
    Some((digits.parse().ok()?, rest.strip_prefix(':')?.trim_start()))
}

/// `from 3 to 7: rest`, `from 3 to 7 (speculative execution): rest`.
fn jump(line: &str) -> Option<(u32, u32, &str)> {
    let (from, rest) = line.strip_prefix("from ")?.split_once(" to ")?;
    let (to, rest) = rest.split_once(':')?;
    let to = to.split(' ').next()?;
    Some((from.parse().ok()?, to.parse().ok()?, rest.trim_start()))
}

fn is_opcode(text: &str) -> bool {
    matches!(text.as_bytes(), [b'(', a, b, b')', ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit())
}

/// ` R0=scalar() R10=fp0` and ` frame1: R1=..`, as kernels before 5.18 print them.
fn is_registers(line: &str) -> bool {
    let text = line.trim_start();
    line.len() > text.len()
        && (text.starts_with("frame")
            || text
                .strip_prefix('R')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))
}

impl<'text> Event<'text> {
    /// The instruction, as the log shows it: `r6 = r1`.
    pub(crate) fn instruction(&self) -> Option<&'text str> {
        let EventKind::Instruction(_) = self.kind else {
            return None;
        };
        let text = self.text.get("(bf)".len()..)?;
        let end = state_start(text).unwrap_or(text.len());
        let text = text.get(..end)?;
        Some(text.split(';').next().unwrap_or(text).trim())
    }

    /// The registers that are printed here: after an instruction, before all else.
    pub(crate) fn state(&self) -> &'text str {
        let text = self.text;
        match self.kind {
            EventKind::Instruction(_) => state_start(text)
                .and_then(|start| text.get(start..))
                .unwrap_or_default(),
            EventKind::State(_) | EventKind::Jump(..) => text,
            EventKind::Function => "",
        }
    }
}

/// Where registers begin behind an instruction: after `; ` of the same line, or where
/// the kernel forgot to end the line (`.. goto pc-2 0: R0=scalar()`).
fn state_start(text: &str) -> Option<usize> {
    [" ; ", ": "].into_iter().find_map(|mark| {
        text.match_indices(mark)
            .map(|(at, mark)| at + mark.len())
            .find(|&start| {
                let rest = text.get(start..).unwrap_or_default();
                starts_state(rest)
            })
    })
}

/// Whether text begins with `R1=`, `R1_w=`, `fp-8=` or `frame1:`.
pub(crate) fn starts_state(text: &str) -> bool {
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix("frame") {
        return rest.starts_with(|c: char| c.is_ascii_digit());
    }
    let digits = text
        .strip_prefix("fp-")
        .or_else(|| text.strip_prefix('R'))
        .unwrap_or_default();
    let rest = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < digits.len() && (rest.starts_with('=') || rest.starts_with('_'))
}

/// A verifier log, read.
#[derive(Debug, Clone)]
pub(crate) struct Log<'text> {
    events: Vec<Event<'text>>,
    /// What the verifier said last, without the figures.
    pub(crate) message: Vec<&'text str>,
    /// The instruction that the kernel's own report is about, if there is one.
    pub(crate) reported: Option<u32>,
}

impl<'text> Log<'text> {
    /// Reads a log.
    pub(crate) fn parse(text: &'text str) -> Self {
        let (text, report) = text
            .rfind(REPORT)
            .and_then(|end| text.split_at_checked(end))
            .unwrap_or((text, ""));
        Self {
            events: events(text),
            message: message(text),
            reported: reported(report),
        }
    }

    /// The function that the verifier last began to verify by itself:
    /// `Validating first_byte() func#1...`.
    pub(crate) fn function(&self) -> Option<&'text str> {
        let event = self
            .events
            .iter()
            .rfind(|event| event.kind == EventKind::Function)?;
        let name = event.text.strip_prefix("Validating ")?;
        Some(name.split_once("()")?.0)
    }

    /// The instruction that the verifier was at when it stopped.
    pub(crate) fn last_instruction(&self) -> Option<u32> {
        self.events.iter().rev().find_map(|event| match event.kind {
            EventKind::Instruction(index) => Some(index),
            _ => None,
        })
    }

    /// The instructions that were processed, with their opcodes.
    pub(crate) fn opcodes(&self) -> impl Iterator<Item = (u32, u8)> {
        self.events.iter().filter_map(|event| match event.kind {
            EventKind::Instruction(index) => {
                let opcode = u8::from_str_radix(event.text.get(1..3)?, 16).ok()?;
                Some((index, opcode))
            }
            _ => None,
        })
    }

    /// The calls of the program's own functions that were processed: from which instruction,
    /// and to which.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (u32, u32)> {
        self.events.iter().filter_map(|event| {
            let EventKind::Instruction(from) = event.kind else {
                return None;
            };
            let distance = event.instruction()?.strip_prefix("call pc")?;
            let distance: i64 = distance.parse().ok()?;
            let target = i64::from(from).checked_add(1)?.checked_add(distance)?;
            Some((from, target.try_into().ok()?))
        })
    }

    /// Whether the first instruction of the program comes first. Kernels before 6.4 keep
    /// the beginning of a log that is too long, later ones its end.
    pub(crate) fn has_start(&self) -> bool {
        self.events.iter().find_map(|event| match event.kind {
            EventKind::Instruction(index) => Some(index == 0),
            EventKind::Jump(..) => Some(false),
            EventKind::State(_) | EventKind::Function => None,
        }) == Some(true)
    }

    /// The way to where the verifier stopped, backwards: the last step first, without
    /// the paths that it tried in between and left.
    pub(crate) fn path(&self) -> Path<'_, 'text> {
        Path {
            events: &self.events,
            open: None,
            effort: self.events.len().saturating_mul(8),
        }
    }
}

/// Frames whose registers are printed, and that are not the one that the verifier is in.
const OTHER_FRAMES: [&str; 2] = ["caller:", "returning from callee:"];

/// The steps, with the registers that kernels before 5.18 print behind them on a line of their
/// own.
fn events(text: &str) -> Vec<Event<'_>> {
    let mut events = Vec::new();
    let mut before = "";
    let mut index = 0;
    for line in text.lines() {
        match Line::of(line) {
            Line::Event(event) => {
                if let EventKind::Instruction(number) = event.kind {
                    index = number;
                }
                events.push(event);
            }
            Line::Trace if is_registers(line) && !OTHER_FRAMES.contains(&before.trim()) => {
                events.push(Event {
                    kind: EventKind::State(index),
                    text: line.trim_start(),
                });
            }
            _ => {}
        }
        before = line;
    }
    events
}

/// The instruction that a report points at first: `  >>> 29 | (85) call pc-21`.
fn reported(report: &str) -> Option<u32> {
    let (_, at) = report.split_once("\nAt:")?;
    let (_, marked) = at.split_once(">>>")?;
    marked.split('|').next()?.trim().parse().ok()
}

/// The last lines that are neither steps nor figures.
fn message(text: &str) -> Vec<&str> {
    /// More than any kernel says at once.
    const LIMIT: usize = 24;
    let mut message: Vec<_> = text
        .lines()
        .rev()
        .map(|line| (line, Line::of(line)))
        // A short log has a source line behind the message, some kernels another one.
        .skip_while(|(text, line)| {
            text.is_empty() || matches!(line, Line::Statistics | Line::Source)
        })
        // What a file has before its log does not belong to the message.
        .take_while(|(text, line)| !text.is_empty() && *line == Line::Message)
        .map(|(line, _)| line)
        .take(LIMIT)
        .collect();
    message.reverse();
    message
}

/// See [`Log::path`].
#[derive(Debug, Clone)]
pub(crate) struct Path<'log, 'text> {
    events: &'log [Event<'text>],
    /// The instruction at which the path that was just left backwards was put off.
    open: Option<u32>,
    /// How many events may still be looked at: a log that fits no kernel would have the
    /// whole of it searched at every step.
    effort: usize,
}

impl<'text> Iterator for Path<'_, 'text> {
    type Item = Event<'text>;

    fn next(&mut self) -> Option<Event<'text>> {
        if let Some(from) = self.open.take() {
            self.skip_to(from);
        }
        let (event, before) = self.events.split_last()?;
        self.events = before;
        match event.kind {
            EventKind::Jump(from, _) => self.open = Some(from),
            EventKind::Function => {
                self.events = &[];
                return None;
            }
            _ => {}
        }
        Some(*event)
    }
}

impl Path<'_, '_> {
    /// Goes back to where `from` was processed and put a path off. Paths are taken up
    /// last in, first out: others that were put off at `from` since then lie between.
    fn skip_to(&mut self, from: u32) {
        let mut others = 0_usize;
        let mut nearest = None;
        for (at, event) in self.events.iter().enumerate().rev() {
            let Some(left) = self.effort.checked_sub(1) else {
                break;
            };
            self.effort = left;
            match event.kind {
                EventKind::Jump(other, _) if other == from => others += 1,
                EventKind::Instruction(index) if index == from => {
                    nearest.get_or_insert(at);
                    match others.checked_sub(1) {
                        Some(fewer) => others = fewer,
                        None => {
                            nearest = Some(at);
                            break;
                        }
                    }
                }
                EventKind::Function => break,
                _ => {}
            }
        }
        let end = nearest.map_or(0, |at| at + 1);
        self.events = self.events.get(..end).unwrap_or_default();
    }
}
