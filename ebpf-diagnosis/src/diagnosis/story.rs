//! The registers that a refusal is about: what the verifier knew of each, and where each
//! got its value, by the log's way walked backwards.

use ebpf_base::untrusted;

use super::{
    Register, Step,
    code::Code,
    effect::{self, Effect, FRAME_POINTER, Place},
    note::{Change, Ending, Known, Note, Operand, joined},
};
use crate::{
    object::instruction::Instruction,
    verifier_log::{
        log::{Event, EventKind, Log, Path},
        state::{State, Value},
    },
};

/// How many registers are told of.
const REGISTERS: usize = 3;
/// How many source lines of one register.
const LINES: usize = 6;
/// How many steps are walked.
const STEPS: usize = 200_000;
/// At how many calls it is looked whether they ended a pointer.
const CALLS: usize = 64;
/// The memory that a program's first argument points to, as [`Value::memory`] calls it.
pub(super) const CONTEXT: &str = "the program's context";

/// The registers that the message names, or else those that the last instruction, at
/// `index`, works with.
pub(super) fn registers(log: &Log<'_>, code: &Code<'_, '_>, index: u32) -> Vec<Register> {
    let mut numbers = named(&log.message);
    let is_named = !numbers.is_empty();
    if !is_named {
        numbers = code
            .instruction(index)
            .map(|instruction| effect::operands(&instruction))
            .unwrap_or_default();
    }
    // The top of the stack is what it is.
    numbers.retain(|number| *number != FRAME_POINTER);
    numbers.truncate(REGISTERS);
    let mut registers = Vec::new();
    for number in numbers {
        let mut walk = Walk::new(number, log.path(), code);
        if is_no_pointer(number, &log.message) {
            walk.calls = CALLS;
        }
        walk.walk();
        // To a number that nothing is said of, what was added is no matter.
        let added = walk
            .added
            .take()
            .filter(|_| is_named || walk.known.is_none_or(|known| Value::of(known).is_pointer()));
        registers.push(Register {
            named: is_named,
            ..walk.register(number, &log.message)
        });
        registers.extend(added.map(|(number, mut walk)| {
            walk.walk();
            walk.register(number, &[])
        }));
    }
    registers.retain(|register| register.known.is_some() || !register.story.is_empty());
    registers.truncate(REGISTERS);
    registers
}

/// Whether the message is that a register is a number, or nothing, where a pointer is required.
fn is_no_pointer(number: u8, message: &[&str]) -> bool {
    message.iter().any(|line| {
        let said = line.strip_prefix(&format!("R{number} "));
        said.is_some_and(|said| {
            [
                "invalid mem access 'scalar'",
                "invalid mem access 'inv'",
                "type=scalar ",
                "type=inv ",
                "!read_ok",
            ]
            .iter()
            .any(|start| said.starts_with(start))
        })
    })
}

/// `R1 invalid mem access`: the registers in a message, each once.
fn named(message: &[&str]) -> Vec<u8> {
    let mut found = Vec::new();
    for line in message {
        // What is compared where a loop is found: every register.
        if line.starts_with("cur state") || line.starts_with("old state") {
            continue;
        }
        for word in line.split(|c: char| !c.is_ascii_alphanumeric()) {
            let number = word
                .strip_prefix('R')
                .and_then(|digits| digits.parse().ok())
                .filter(|number| *number <= 10);
            if let Some(number) = number.filter(|number| !found.contains(number)) {
                found.push(number);
            }
        }
    }
    found
}

/// What a register was before the instruction `index`, from which `path` leads back.
pub(super) fn before<'log, 'text, 'data>(
    register: u8,
    index: u32,
    path: Path<'log, 'text>,
    code: &'log Code<'log, 'data>,
) -> Option<Value<'text>> {
    let mut walk = Walk::new(register, path, code);
    walk.next = Some(index);
    walk.walk();
    walk.known.map(Value::of)
}

/// What was found on the way back.
struct Walk<'log, 'text, 'data> {
    code: &'log Code<'log, 'data>,
    path: Path<'log, 'text>,
    /// What holds the value.
    place: Place,
    /// In how many calls deeper than where the verifier stopped.
    depth: i32,
    /// The same of the step that is looked at.
    here: i32,
    /// The index of the step after it.
    next: Option<u32>,
    /// What is printed of the value.
    known: Option<&'text str>,
    /// Whether what is printed is still of the value as it was at the end.
    looking: bool,
    /// Whether a comparison was made after that was printed.
    branched: bool,
    /// Whether the first instruction was reached with no value given.
    unset: bool,
    /// At how many more calls it is looked whether they ended the pointer.
    calls: usize,
    /// The register that was added to this one last, and its own way back from there.
    added: Option<(u8, Box<Self>)>,
    story: Vec<Step>,
}

impl<'log, 'text, 'data> Walk<'log, 'text, 'data> {
    fn new(number: u8, path: Path<'log, 'text>, code: &'log Code<'log, 'data>) -> Self {
        Self {
            code,
            path,
            place: Place::Register(number),
            depth: 0,
            here: 0,
            next: None,
            known: None,
            looking: true,
            branched: false,
            unset: false,
            calls: 0,
            added: None,
            story: Vec::new(),
        }
    }

    /// From another place than a register.
    fn of_place(place: Place, path: Path<'log, 'text>, code: &'log Code<'log, 'data>) -> Self {
        Self {
            place,
            ..Self::new(0, path, code)
        }
    }

    fn walk(&mut self) {
        for _ in 0..STEPS {
            let Some(event) = self.path.next() else {
                // Kernels that keep the end of a log only do not show where it began.
                self.unset = self.next == Some(0) && self.here == 0 && self.depth == 0;
                return;
            };
            let more = match event.kind {
                EventKind::State(_) | EventKind::Jump(..) => {
                    self.read(&event);
                    true
                }
                EventKind::Function => false,
                // What it does is what the verifier did not come to.
                EventKind::Instruction(index) if self.next.is_none() => {
                    self.next = Some(index);
                    true
                }
                EventKind::Instruction(index) => {
                    let more = self.step(index, &event);
                    self.next = Some(index);
                    more
                }
            };
            if !more || self.story.len() > LINES {
                return;
            }
        }
    }

    /// Looks for what is printed of the value.
    fn read(&mut self, event: &Event<'text>) {
        if !self.looking || self.here != self.depth {
            return;
        }
        let name = printed_name(self.place);
        if let Some(found) = State::of(event.state()).and_then(|state| state.get(&name)) {
            self.known = Some(found);
            self.looking = false;
        }
    }

    /// Goes back over an instruction; says whether to go on.
    fn step(&mut self, index: u32, event: &Event<'text>) -> bool {
        if event.text.starts_with("(95)") {
            self.here += 1;
            // What a function returns is what it left in register 0.
            if self.place == Place::Register(0) && self.depth == self.here - 1 {
                self.depth = self.here;
            }
            return true;
        }
        let own_function = event.text.starts_with("(85) call pc");
        if own_function && self.next != index.checked_add(1) {
            return self.enter(index);
        }
        if self.here != self.depth {
            return true;
        }
        self.read(event);
        let Some(instruction) = self.code.instruction(index) else {
            return true;
        };
        self.branched |= self.looking && effect::is_branch(&instruction);
        let effect = Effect::on(self.place, &instruction);
        let (change, more) = match effect {
            Effect::None => {
                if let Some(change) = self.ended(index, event) {
                    self.calls = 0;
                    self.looking = false;
                    self.tell(index, change);
                }
                return true;
            }
            Effect::Compares => (Change::Compared(self.other(&instruction)), true),
            Effect::Copies(Place::Register(FRAME_POINTER)) => (Change::Local, false),
            // The same value in another place is no news.
            Effect::Copies(from) => {
                self.place = from;
                return true;
            }
            Effect::Computes(with) => {
                if let Some(other) = with.filter(|other| *other != FRAME_POINTER) {
                    self.branch(other, index);
                }
                (self.computed(event, &instruction), true)
            }
            Effect::Sets if instruction.imm_high.is_some() => (self.addressed(event), false),
            Effect::Sets => (Change::SetTo(instruction.imm), false),
            Effect::Loads(pointer) => (Change::Read(self.memory(pointer, index)), false),
            Effect::Returns => (Change::Returned(called(event)), false),
            // Registers of arguments do not survive a call.
            Effect::Clobbers => (Change::Invalidated, false),
        };
        if effect != Effect::Compares {
            self.looking = false;
        }
        self.tell(index, change);
        more
    }

    /// Follows, from here on, the register that is computed with.
    fn branch(&mut self, other: u8, index: u32) {
        if self.added.is_some() {
            return;
        }
        let mut walk = Self::new(other, self.path.clone(), self.code);
        walk.next = Some(index);
        self.added = Some((other, Box::new(walk)));
    }

    /// Whether a call turned a pointer into a scalar, other than by its result: the value at the
    /// end is an unknown scalar, and it was a pointer before the call.
    fn ended(&mut self, index: u32, event: &Event<'text>) -> Option<Change> {
        let is_unknown = self
            .known
            .is_none_or(|known| Value::of(known).is_unknown_number());
        if !is_unknown || !event.text.starts_with("(85)") {
            return None;
        }
        self.calls = self.calls.checked_sub(1)?;
        let mut before = Self::of_place(self.place, self.path.clone(), self.code);
        before.next = Some(index);
        before.walk();
        let value = Value::of(before.known?);
        if !value.is_pointer() || value.or_null {
            return None;
        }
        let ending = if value.is_packet() {
            Ending::PacketChanged
        } else {
            Ending::Released
        };
        Some(Change::Ended(ending, called(event)))
    }

    /// What a register points to, before this step.
    fn memory(&self, pointer: u8, index: u32) -> &'static str {
        if pointer == FRAME_POINTER {
            return "the stack";
        }
        let mut walk = Self::new(pointer, self.path.clone(), self.code);
        walk.next = Some(index);
        walk.walk();
        match walk.known {
            Some(known) => Value::of(known).memory(),
            None if walk.is_context(pointer) => CONTEXT,
            None => "memory",
        }
    }

    /// Register 1 as the program got it.
    fn is_context(&self, number: u8) -> bool {
        self.unset && number == 1 && self.story.is_empty()
    }

    /// What is printed of the value behind an instruction.
    fn after(&self, event: &Event<'text>) -> Option<Value<'text>> {
        let state = State::of(event.state())?;
        state.get(&printed_name(self.place)).map(Value::of)
    }

    /// What an instruction takes beside this value.
    fn other(&self, instruction: &Instruction) -> Operand {
        match self.place {
            Place::Register(number) => effect::other(number, instruction),
            Place::Stack(_) => Operand::Another,
        }
    }

    /// What came of a computation.
    fn computed(&self, event: &Event<'text>, instruction: &Instruction) -> Change {
        let value = self.after(event);
        if let Some(number) = value.as_ref().filter(|value| value.is_bounded()) {
            return Change::Made(Known {
                words: untrusted::line(&number.words()).into_owned(),
                is_exact: number.exact().is_some(),
            });
        }
        let is_pointer = value.is_some_and(|value| value.is_pointer());
        match (effect::is_addition(instruction), is_pointer) {
            (true, true) => Change::Moved(self.other(instruction)),
            (true, false) => Change::Increased(self.other(instruction)),
            (false, _) => Change::Computed,
        }
    }

    /// What an instruction sets that takes an address, or a large number.
    fn addressed(&self, event: &Event<'text>) -> Change {
        match self.after(event) {
            Some(value) if value.is_pointer() => Change::PointsTo(value.memory()),
            value => Change::Set(value.map(|value| untrusted::line(&value.words()).into_owned())),
        }
    }

    /// Goes back out of a function to its call.
    fn enter(&mut self, index: u32) -> bool {
        self.here -= 1;
        if self.depth == self.here {
            if matches!(self.place, Place::Register(0..=5)) {
                self.tell(index, Change::Invalidated);
                return false;
            }
            return true;
        }
        if self.depth == self.here + 1 {
            // Only arguments come from outside.
            if !matches!(self.place, Place::Register(1..=5)) {
                return false;
            }
            self.depth = self.here;
            self.tell(index, Change::Passed);
        }
        true
    }

    /// Adds a step; those of one source line become one.
    fn tell(&mut self, index: u32, change: Change) {
        let mut step = Step::new(
            index,
            self.code.text(index).unwrap_or_default(),
            self.code.frames(index),
        );
        let place = |step: &Step| {
            step.place()
                .map(|frame| (frame.file.clone(), frame.line, frame.function.clone()))
        };
        if let Some(last) = self.story.last_mut()
            && place(last).is_some()
            && place(last) == place(&step)
        {
            let after = match last.note.take() {
                Some(Note::Changes(after)) => after,
                _ => Vec::new(),
            };
            step.note = Some(Note::Changes(joined(change, after)));
            *last = step;
            return;
        }
        step.note = Some(Note::Changes(vec![change]));
        self.story.push(step);
    }

    fn register(mut self, number: u8, message: &[&str]) -> Register {
        self.story.truncate(LINES);
        let name = format!("R{number}");
        let unreadable = message
            .iter()
            .any(|line| line.starts_with(&format!("{name} !read_ok")));
        let known = match self.known {
            _ if unreadable => Some("not initialised on this path".to_owned()),
            Some(printed) => {
                let value = Value::of(printed);
                let value = if self.branched {
                    value.before_a_branch()
                } else {
                    value
                };
                Some(untrusted::line(&value.words()).into_owned())
            }
            None if self.is_context(number) => {
                Some("a pointer to the program's context".to_owned())
            }
            None => told(&name, message).map(|words| untrusted::line(&words).into_owned()),
        };
        Register {
            name: format!("r{number}"),
            named: false,
            known,
            printed: self
                .known
                .map(|printed| untrusted::line(printed).into_owned()),
            story: self.story,
        }
    }
}

/// What a message tells of a register's type: `R0 invalid mem access 'map_value_or_null'`,
/// `R1 type=ctx expected=fp`.
fn told(name: &str, message: &[&str]) -> Option<String> {
    message.iter().find_map(|line| {
        let said = line.strip_prefix(name)?.strip_prefix(' ')?;
        let kind = match said.strip_prefix("invalid mem access '") {
            Some(kind) => kind.strip_suffix('\'')?,
            None => said.strip_prefix("type=")?.split(' ').next()?,
        };
        // What is not null is said of it elsewhere, with its size.
        Some(Value::type_in_words(kind))
    })
}

/// What a place is called in the log.
fn printed_name(place: Place) -> String {
    match place {
        Place::Register(number) => format!("R{number}"),
        Place::Stack(offset) => format!("fp{offset}"),
    }
}

/// The name of what an instruction calls: `call bpf_map_lookup_elem#1`.
fn called(event: &Event<'_>) -> Option<String> {
    let name = event.instruction()?.strip_prefix("call ")?;
    let name = name.split('#').next()?;
    Some(untrusted::name(name))
}
