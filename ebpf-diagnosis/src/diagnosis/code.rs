//! The instructions of a program as it was loaded, and the source that each was made
//! from.

use std::cell::OnceCell;

use ebpf_base::untrusted;

use crate::{
    link::origin::{self, Linked, Origin},
    object::{
        Name,
        elf::Elf,
        instruction::Instruction,
        lines::{Frame, Lines},
    },
    verifier_log::log::Log,
};

/// What is known of an object.
pub(super) struct Objects<'data> {
    data: &'data [u8],
    parsed: Option<(Elf<'data>, Lines<'data>)>,
    linked: OnceCell<Vec<Linked>>,
}

impl<'data> Objects<'data> {
    pub(super) fn of(data: &'data [u8]) -> Self {
        let parsed = Elf::parse(data).ok().map(|elf| {
            let lines = Lines::of(&elf);
            (elf, lines)
        });
        Self {
            data,
            parsed,
            linked: OnceCell::new(),
        }
    }

    fn linked(&self) -> &[Linked] {
        self.linked.get_or_init(|| match self.parsed {
            Some(_) => origin::link(self.data),
            None => Vec::new(),
        })
    }

    /// The section of the program of that name.
    pub(super) fn section(&self, name: &str) -> Option<&str> {
        let program = self.linked().iter().find(|linked| linked.name == name)?;
        let (elf, _) = self.parsed.as_ref()?;
        Some(&elf.sections.get(program.section)?.name)
    }

    /// The program of that name; `section` decides where the name is not enough.
    pub(super) fn program(&self, name: &str, section: &str) -> Code<'_, 'data> {
        let same = |linked: &&Linked| linked.name == name || untrusted::name(&linked.name) == name;
        let linked = self.linked();
        let in_section = |linked: &&Linked| {
            self.parsed.as_ref().is_some_and(|(elf, _)| {
                elf.sections
                    .get(linked.section)
                    .is_some_and(|found| found.name == section)
            })
        };
        Code {
            object: self,
            linked: linked
                .iter()
                .filter(same)
                .find(in_section)
                .or_else(|| linked.iter().find(same)),
        }
    }
}

impl Objects<'_> {
    /// The name and section of the program that a log is about: the only one, or the
    /// one that most of the instructions in the log are of.
    pub(super) fn program_of(&self, log: &Log<'_>) -> Option<(&str, &str)> {
        /// How many steps of a log are compared.
        const STEPS: usize = 10_000;
        let linked = self.linked();
        let fits = |program: &Linked| {
            let code = Code {
                object: self,
                linked: Some(program),
            };
            let same = |&(index, opcode): &(u32, u8)| {
                code.instruction(index)
                    .is_some_and(|found| found.opcode == opcode)
            };
            log.opcodes().take(STEPS).filter(same).count()
        };
        let program = match linked {
            [only] => only,
            // The first of several that fit alike.
            _ => linked.iter().rev().max_by_key(|program| fits(program))?,
        };
        let (elf, _) = self.parsed.as_ref()?;
        let is_of_object = fits(program) * 2 >= log.opcodes().take(STEPS).count();
        is_of_object.then_some((&program.name, &elf.sections.get(program.section)?.name))
    }
}

/// The code of one program; of one that is not found nothing is known.
pub(super) struct Code<'object, 'data> {
    object: &'object Objects<'data>,
    linked: Option<&'object Linked>,
}

impl Code<'_, '_> {
    fn origin(&self, index: u32) -> Option<Origin> {
        self.linked?.origin(u64::from(index))
    }

    /// The instruction at slot `index`, as the object has it.
    pub(super) fn instruction(&self, index: u32) -> Option<Instruction> {
        let Origin { section, offset } = self.origin(index)?;
        let (elf, _) = self.object.parsed.as_ref()?;
        let code = elf.sections.get(section)?.data;
        Instruction::decode(code.get(usize::try_from(offset).ok()?..)?, elf.endian)
    }

    /// The first instruction that is such a one.
    pub(super) fn find(&self, is_such: impl Fn(&Instruction) -> bool) -> Option<u32> {
        let mut index = 0;
        loop {
            let instruction = self.instruction(index)?;
            if is_such(&instruction) {
                return Some(index);
            }
            index = index.checked_add(u32::try_from(instruction.slots()).ok()?)?;
        }
    }

    /// Where its functions begin, in the order of the kernel's numbers for them.
    pub(super) fn functions(&self) -> impl Iterator<Item = u32> {
        let starts = self.linked.into_iter().flat_map(Linked::functions);
        starts.filter_map(|start| u32::try_from(start).ok())
    }

    /// Where the function of this name begins.
    pub(super) fn start(&self, function: &str) -> Option<u32> {
        let is_it = |name: &Name| {
            let name = name.demangled();
            let inner = name.as_str().strip_suffix(function);
            inner.is_some_and(|before| before.is_empty() || before.ends_with("::"))
        };
        self.functions().find(|start| {
            let outermost = self.frames(*start).pop();
            let name = outermost.and_then(|frame| frame.function);
            name.as_ref().is_some_and(is_it)
        })
    }

    /// The instruction in the notation of the verifier.
    pub(super) fn text(&self, index: u32) -> Option<String> {
        Some(self.instruction(index)?.to_string())
    }

    /// The functions and lines that an instruction was made from, innermost first.
    pub(super) fn frames(&self, index: u32) -> Vec<Frame> {
        let frames = self.origin(index).and_then(|origin| {
            let (_, lines) = self.object.parsed.as_ref()?;
            Some(lines.at(origin.section, origin.offset))
        });
        frames.unwrap_or_default()
    }
}
