//! What a refusal by the verifier means: from an object's bytes and the verifier's log to
//! a [`Diagnosis`] as data. No kernel is asked and no file is read.

pub mod catalogue;
mod code;
mod cost;
mod effect;
mod facts;
#[cfg(test)]
mod kept_logs;
mod meaning;
mod note;
#[cfg(test)]
mod on_kernels;
#[cfg(test)]
pub mod rejections;
mod story;

use std::path::PathBuf;

use ebpf_base::untrusted;
use serde::Serialize;

use self::{
    catalogue::Class,
    code::{Code, Objects},
};
pub use self::{
    cost::{Hot, LineCost},
    note::{Change, Ending, Known, Note, Operand},
};
use crate::{
    object::{
        instruction::Reference,
        lines::{self, Frame},
    },
    verifier_log::{
        log::{EventKind, Log},
        printed::Printed,
        statistics::Statistics,
        visits::Visits,
    },
};

/// An object as diagnoses need it: code, source lines, names. Where less is known, it
/// says less.
pub struct Source<'data>(Objects<'data>);

/// What a kernel returned for a program that it rejected.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Rejection<'a> {
    /// The program's symbol; empty if it is not known.
    pub program: &'a str,
    /// The section that it stands in; empty if it is not known.
    pub section: &'a str,
    /// The kernel's release; empty if it is not known.
    pub kernel: &'a str,
    /// What the system call returned, as a positive error number; 0 if it is not known.
    pub error: i32,
    /// The verifier's log.
    pub log: &'a str,
    /// Whether parts of the log are missing.
    pub truncated: bool,
}

impl<'a> Rejection<'a> {
    /// A rejection that is known from its verifier log only.
    pub const fn of_log(log: &'a str) -> Self {
        Self {
            program: "",
            section: "",
            kernel: "",
            error: 0,
            log,
            truncated: false,
        }
    }

    /// Of this program, by its symbol and section.
    #[must_use]
    pub const fn program(self, program: &'a str, section: &'a str) -> Self {
        Self {
            program,
            section,
            ..self
        }
    }

    /// By the kernel of this release.
    #[must_use]
    pub const fn kernel(self, kernel: &'a str) -> Self {
        Self { kernel, ..self }
    }

    /// With this error of the system call, a positive number.
    #[must_use]
    pub const fn error(self, error: i32) -> Self {
        Self { error, ..self }
    }

    /// With a log of which parts may be missing.
    #[must_use]
    pub const fn truncated(self, truncated: bool) -> Self {
        Self { truncated, ..self }
    }
}

/// Why a program was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The class of the refusal, or [`UNKNOWN`].
    pub code: &'static str,
    /// The kind within the class, which has its own title and hint; see [`Class::cases`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<&'static str>,
    /// What is wrong, on one line.
    pub title: String,
    /// The program's name; empty if it is not known.
    pub program: String,
    /// The section that it stands in; empty if it is not known.
    pub section: String,
    /// The kernel's release; empty if it is not known.
    pub kernel: String,
    /// The verifier's own last lines.
    pub message: Vec<String>,
    /// What the system call returned, as a positive error number; 0 if it is not known.
    pub error: i32,
    /// The message in plainer words, where it has few or only numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meaning: Option<String>,
    /// The instruction that the verifier was at, or that it speaks of.
    pub instruction: Option<Step>,
    /// Other places that matter: functions and the stack that they use, where the way
    /// led to the end when something was still held, or where the log ends.
    pub others: Vec<Step>,
    /// The registers that matter.
    pub registers: Vec<Register>,
    /// The rule that was broken.
    pub rule: Option<&'static str>,
    /// How Rust code keeps to it.
    pub hint: Option<&'static str>,
    /// Whether parts of the log are missing.
    pub log_truncated: bool,
    /// Where the whole log was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_file: Option<PathBuf>,
}

/// An instruction on the verifier's way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Step {
    /// Its index in the program with all functions that it calls.
    pub index: u32,
    /// It in the notation of the verifier.
    pub text: String,
    /// What happens here: words in JSON.
    #[serde(rename = "what", skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// Which of `frames` is the one to show: the innermost one in the user's own code.
    pub own: Option<usize>,
    /// The functions and lines that it was made from, innermost first.
    pub frames: Vec<Frame>,
}

impl Step {
    fn new(index: u32, text: String, frames: Vec<Frame>) -> Self {
        Self {
            index,
            text,
            note: None,
            own: lines::own(&frames),
            frames,
        }
    }

    /// The place to show.
    pub fn place(&self) -> Option<&Frame> {
        self.frames.get(self.own?)
    }
}

/// What the verifier knew of a register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Register {
    /// `r1`.
    pub name: String,
    /// Whether the verifier's message is about it.
    pub named: bool,
    /// What it is, in words.
    pub known: Option<String>,
    /// The same as the kernel prints it.
    pub printed: Option<String>,
    /// Where it got its value, the latest first.
    pub story: Vec<Step>,
}

/// The code of a refusal of no class that is known.
pub const UNKNOWN: &str = "verifier-refused";

impl<'data> Source<'data> {
    /// Reads the object in `data`. Never fails: of what is no object nothing is known.
    pub fn of(data: &'data [u8]) -> Self {
        Self(Objects::of(data))
    }

    /// Says why a program was refused.
    pub fn diagnose(&self, refusal: &Rejection<'_>) -> Diagnosis {
        let log = Log::parse(refusal.log);
        let code = self.0.program(refusal.program, refusal.section);
        let place = Place::of(&log, &code, refusal);
        let class = catalogue::classify(&log.message, refusal.error)
            .map(|class| more_exactly(class, place, &code, &log));
        let instruction = place.index().map(|index| {
            if let Place::Function(_, name) = place {
                return whole(&code, index, name);
            }
            let logged = || {
                let mut path = log.path();
                let event = path.find(|event| event.kind == EventKind::Instruction(index))?;
                event.instruction().map(untrusted::name)
            };
            // Where a call leads is the loader's to say, and what it loads the kernel's.
            let text = match code.instruction(index) {
                Some(found) if !matches!(found.call(), Some(Reference::Relative(_))) => {
                    Some(found.to_string())
                }
                ours => logged().or_else(|| ours.map(|ours| ours.to_string())),
            };
            Step::new(index, text.unwrap_or_default(), code.frames(index))
        });
        let others = match place {
            _ if log.message.iter().any(|line| is_of_stack(line)) => stacks(&code, refusal),
            Place::Named(_) => end(&log, &code).into_iter().collect(),
            _ if is_cut_off(&log, refusal) => cut_off(&log, &code).into_iter().collect(),
            Place::Reached(_) | Place::Function(..) | Place::Unknown => Vec::new(),
        };
        let registers = match place {
            Place::Reached(index) => story::registers(&log, &code, index),
            Place::Named(_) | Place::Function(..) | Place::Unknown => Vec::new(),
        };
        let instruction = match class {
            Some(class) if class.code == "return-code" => {
                instruction.map(|exit| at_value(exit, &registers))
            }
            _ => instruction,
        };
        let holds = |fact| facts::holds(fact, &log, &code, place.index(), &registers);
        let case = class.and_then(|class| class.case(&log.message, holds));
        let program = untrusted::name(refusal.program);
        Diagnosis {
            code: class.map_or(UNKNOWN, |class| class.code),
            case: case.map(|case| case.name),
            title: class.map_or_else(
                || match program.as_str() {
                    "" => "the verifier rejected the program".to_owned(),
                    program => format!("the verifier rejected `{program}`"),
                },
                |class: &Class| case.map_or(class.title, |case| case.title).to_owned(),
            ),
            program,
            section: untrusted::name(refusal.section),
            kernel: untrusted::name(refusal.kernel),
            message: log
                .message
                .iter()
                .map(|line| untrusted::line(line).into_owned())
                .collect(),
            error: refusal.error,
            meaning: log.message.iter().find_map(|line| meaning::of(line)),
            instruction,
            others,
            registers,
            rule: class.map(|class| case.and_then(|case| case.rule).unwrap_or(class.rule)),
            hint: class.map(|class| case.map_or(class.hint, |case| case.hint)),
            log_truncated: refusal.truncated,
            log_file: None,
        }
    }

    /// Why a program was rejected whose log somebody sends. The program is found by its
    /// name, else by the instructions in the log.
    pub fn explain(&self, printed: &Printed) -> Diagnosis {
        let log = Log::parse(&printed.log);
        let (program, section) = match &printed.program {
            Some(name) => (name.as_str(), self.0.section(name).unwrap_or_default()),
            None => self.0.program_of(&log).unwrap_or_default(),
        };
        self.diagnose(&Rejection {
            program,
            section,
            kernel: "",
            error: printed.error.unwrap_or_default(),
            log: &printed.log,
            truncated: printed.is_cut_off(),
        })
    }

    /// Which source lines of a program the verifier spent most on.
    pub fn hot(&self, program: &str, section: &str, visits: &Visits) -> Hot {
        cost::of(&self.0.program(program, section), visits)
    }
}

/// The class where older kernels report something with the words for something else.
fn more_exactly(
    class: &'static Class,
    place: Place<'_>,
    code: &Code<'_, '_>,
    log: &Log<'_>,
) -> &'static Class {
    let is_call = |index| {
        let call = code.instruction(index).and_then(|found| found.call());
        matches!(call, Some(Reference::Relative(_)))
    };
    match (class.code, place) {
        // Before 6.12 a recursion is a jump back, as a loop is.
        ("unbounded-loop", Place::Named(index)) if is_call(index) => {
            catalogue::class("call-depth").unwrap_or(class)
        }
        // Linux 5.10 has no callbacks: to it, BTF describes functions that nothing calls.
        ("missing-btf", Place::Named(index)) if facts::callback(code) == Some(index) => {
            catalogue::class("unknown-function").unwrap_or(class)
        }
        // A large constant is rejected before the operator is.
        ("unbounded-index", Place::Reached(index)) if facts::is_other_operator(log, index) => {
            catalogue::class("pointer-arithmetic").unwrap_or(class)
        }
        // To Linux 6.1 and older, a length of zero is an access of no bytes.
        ("map-bounds" | "memory-bounds" | "packet-bounds" | "stack-bounds", _)
            if facts::is_zero_size(&log.message) =>
        {
            catalogue::class("unbounded-size").unwrap_or(class)
        }
        _ => class,
    }
}

/// The exit of a function at the line where the value that it returns was determined: the line
/// of the exit itself is that of a closing brace, or of an attribute.
fn at_value(exit: Step, registers: &[Register]) -> Step {
    let changes = |step: &&Step| match &step.note {
        Some(Note::Changes(changes)) => changes
            .iter()
            .any(|change| !matches!(change, Change::Compared(_) | Change::Passed)),
        _ => false,
    };
    let named = registers.iter().filter(|register| register.named);
    let determined = named
        .flat_map(|register| &register.story)
        .find(changes)
        .filter(|step| step.place().is_some_and(lines::is_own));
    match determined {
        Some(step) => Step {
            own: step.own,
            frames: step.frames.clone(),
            ..exit
        },
        None => exit,
    }
}

/// Whether the end of the way is missing.
fn is_cut_off(log: &Log<'_>, refusal: &Rejection<'_>) -> bool {
    refusal.truncated && log.has_start()
}

/// Where the log ends: in a loop, most likely, as it is long.
fn cut_off(log: &Log<'_>, code: &Code<'_, '_>) -> Option<Step> {
    let index = log.last_instruction()?;
    let text = code.text(index).unwrap_or_default();
    let mut step = Step::new(index, text, code.frames(index));
    step.note = Some(Note::LogEnds);
    Some(step)
}

/// Whether a message is about how much stack functions use together.
fn is_of_stack(line: &str) -> bool {
    [
        "combined stack size",
        "tail_calls are not allowed when call stack",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

/// The functions that use stack, with how much.
fn stacks(code: &Code<'_, '_>, refusal: &Rejection<'_>) -> Vec<Step> {
    let depths = Statistics::of(refusal.log).stack_depths.unwrap_or_default();
    let starts: Vec<_> = code.functions().collect();
    if starts.len() != depths.len() {
        return Vec::new();
    }
    starts
        .into_iter()
        .zip(depths)
        .filter(|(_, bytes)| *bytes > 0)
        .map(|(start, bytes)| {
            let name = match start {
                0 => refusal.program,
                // One that nothing is inside of.
                _ => "",
            };
            let mut step = whole(code, start, name);
            step.note = Some(Note::StackUse { bytes });
            step
        })
        .collect()
}

/// Where the way led through the program's own code last before its end, if that is
/// where the verifier stopped.
fn end(log: &Log<'_>, code: &Code<'_, '_>) -> Option<Step> {
    let mut way = log.path().filter_map(|event| match event.kind {
        EventKind::Instruction(index) => Some(index),
        _ => None,
    });
    /// How many steps are walked: each looks its source up.
    const STEPS: usize = 10_000;
    let last = way.next()?;
    if code.text(last)? != "exit" {
        return None;
    }
    // What a macro makes around the program is at the line of the macro.
    let last = Step::new(last, String::new(), code.frames(last));
    let line = |step: &Step| step.place().map(|frame| (frame.file.clone(), frame.line));
    let mut step = way
        .take(STEPS)
        .map(|index| {
            Step::new(
                index,
                code.text(index).unwrap_or_default(),
                code.frames(index),
            )
        })
        .find(|step| step.place().is_some_and(lines::is_own) && line(step) != line(&last))?;
    step.note = Some(Note::ProgramEnds);
    Some(step)
}

/// Where the lock was taken with which the program ends: the last call on the way that begins
/// the region that the message names.
fn taken(log: &Log<'_>) -> Option<u32> {
    let region = log.message.iter().find_map(|line| {
        if line.starts_with("bpf_spin_unlock is missing") {
            return Some("bpf_spin_lock");
        }
        let (_, region) = line
            .strip_prefix("BPF_EXIT instruction ")?
            .split_once("cannot be used inside ")?;
        Some(region.split_once("-ed region")?.0)
    })?;
    log.path().find_map(|event| {
        let EventKind::Instruction(index) = event.kind else {
            return None;
        };
        let function = event.instruction()?.strip_prefix("call ")?;
        (function.split('#').next() == Some(region)).then_some(index)
    })
}

/// Where the verifier found what it complains of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    /// At the instruction that it processed last.
    Reached(u32),
    /// At an instruction that it names.
    Named(u32),
    /// In the function that begins here, as a whole.
    Function(u32, &'a str),
    Unknown,
}

/// Complaints that are made before or after instructions are gone through.
const OF_THE_PROGRAM: &[&str] = &[
    "combined stack size",
    // With this mark it is about all calls that are there, without it about the one that
    // the verifier follows.
    "frames is too deep !",
    "tail_calls are not allowed",
    "too many subprog",
    "func_info",
    "last insn is not an exit or jmp",
];

impl<'a> Place<'a> {
    fn of(log: &Log<'a>, code: &Code<'_, '_>, refusal: &Rejection<'a>) -> Self {
        let says = |text: &&str| log.message.iter().any(|line| line.contains(*text));
        let reported = catalogue::instruction(&log.message, refusal.error).or_else(|| {
            let mut lines = log.message.iter();
            lines.find_map(|line| named(line).or_else(|| meant(line, code)))
        });
        if let Some(index) = reported.or_else(|| taken(log)) {
            return Self::Named(index);
        }
        // What it came to may be anywhere.
        let ends_early = is_cut_off(log, refusal);
        let program = Self::Function(0, refusal.program);
        if ends_early || OF_THE_PROGRAM.iter().any(says) {
            return program;
        }
        if let Some(index) = log.last_instruction() {
            return Self::Reached(index);
        }
        // Refused before it was gone through.
        if let Some(index) = log.reported {
            return Self::Named(index);
        }
        let of_function = log
            .function()
            .and_then(|name| Some((code.start(name)?, name)));
        match of_function {
            Some((index, name)) => Self::Function(index, name),
            None if code.instruction(0).is_some() => program,
            None => Self::Unknown,
        }
    }

    fn index(self) -> Option<u32> {
        match self {
            Self::Reached(index) | Self::Named(index) | Self::Function(index, _) => Some(index),
            Self::Unknown => None,
        }
    }
}

/// A function itself: what is complained of is nowhere in it.
fn whole(code: &Code<'_, '_>, start: u32, function: &str) -> Step {
    /// aya-ebpf's macros put the user's function into one of the same name.
    const SEARCHED: u32 = 1024;
    let is_inner = |frame: &Frame| {
        !function.is_empty()
            && frame.function.as_ref().is_some_and(|name| {
                let name = name.demangled();
                name.as_str()
                    .strip_suffix(function)
                    .is_some_and(|before| before.ends_with("::"))
            })
    };
    let frame = (start..start.saturating_add(SEARCHED))
        .map_while(|index| code.instruction(index).map(|_| code.frames(index)))
        .find_map(|frames| frames.into_iter().find(is_inner))
        .or_else(|| code.frames(start).pop().filter(lines::is_own));
    let frames = frame.map(|mut frame| {
        frame.line = frame.declared.or(frame.line);
        frame.column = None;
        frame
    });
    Step::new(start, String::new(), frames.into_iter().collect())
}

/// The instruction that a message names: `unreachable insn 5`, `alloc_insn=4`.
fn named(line: &str) -> Option<u32> {
    ["insn ", "alloc_insn="].into_iter().find_map(|before| {
        line.match_indices(before).find_map(|(at, word)| {
            let rest = line.get(at + word.len()..)?;
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            rest.get(..end)?.parse().ok()
        })
    })
}

/// The instruction that a message means and does not name: the first such one.
fn meant(line: &str, code: &Code<'_, '_>) -> Option<u32> {
    const TAIL_CALL: i32 = 12;
    if let Some(opcode) = line.strip_prefix("unknown opcode ") {
        let opcode = u8::from_str_radix(opcode.trim(), 16).ok()?;
        return code.find(|instruction| instruction.opcode == opcode);
    }
    // Before atomic operations other than an addition were there (5.12), nothing but an
    // offset could stand in a store from a register.
    if line.starts_with("BPF_STX uses reserved fields") {
        return code.find(|instruction| instruction.opcode & 7 == 3 && instruction.imm != 0);
    }
    let is_of_functions = [
        "number of funcs in func_info doesn't match",
        "func_info BTF section doesn't match",
    ];
    if is_of_functions.iter().any(|start| line.starts_with(start)) {
        return facts::callback(code);
    }
    if line.starts_with("tail_calls are not allowed")
        || line.starts_with("tail_call is only allowed in functions")
        || line.starts_with("tail_call abusing map_ptr")
    {
        return code.find(|instruction| instruction.call() == Some(Reference::Helper(TAIL_CALL)));
    }
    None
}

#[cfg(test)]
mod tests;
