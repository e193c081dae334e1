//! What the code of an object uses: instructions, helpers, kernel functions, maps.

use std::collections::{BTreeMap, BTreeSet};

use object::elf::STB_WEAK;

use super::table::KFUNCS;
use crate::{
    Function, Name,
    elf::{Elf, Relocation},
    instruction::{Instruction, SLOT},
    program::{self, Referent},
};

/// A thing that one instruction uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// A row of `data/features.tsv`.
    Feature(&'static str),
    Helper(i32),
    /// A kernel function, and whether the object can do without it (a weak symbol).
    Kfunc {
        name: Name,
        optional: bool,
    },
    Map(Name),
}

/// What a function uses, with the offset in its section of the first instruction that
/// does, and the functions that it calls.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub uses: BTreeMap<Use, u64>,
    /// By their index, with the offset of the first instruction that does.
    pub callees: BTreeMap<usize, u64>,
}

/// `BPF_FUNC_tail_call` of the kernel's bpf.h.
pub(super) const TAIL_CALL: i32 = 12;

/// What each of `functions` uses. They are sorted by section and offset.
pub(super) fn of(elf: &Elf<'_>, functions: &[Function], kernel: &Externs) -> Vec<Code> {
    let mut relocations: (usize, Vec<Relocation>) = (usize::MAX, Vec::new());
    functions
        .iter()
        .map(|function| {
            let section = function.section_index;
            if relocations.0 != section {
                relocations = (section, program::relocations(elf, section));
            }
            function_code(elf, function, &relocations.1, functions, kernel)
        })
        .collect()
}

/// The symbols that BTF declares to be the kernel's, by the section that it lists them in.
#[derive(Debug, Default)]
pub(super) struct Externs {
    /// Functions and variables.
    pub ksyms: BTreeSet<Name>,
    /// Options of the kernel's configuration, which loaders turn into a map.
    pub kconfig: BTreeSet<Name>,
}

fn function_code(
    elf: &Elf<'_>,
    function: &Function,
    relocations: &[Relocation],
    functions: &[Function],
    kernel: &Externs,
) -> Code {
    let mut code = Code::default();
    let mut jumps = Jumps::default();
    for (offset, instruction) in program::instructions(elf, function) {
        let mut uses = |what: Use| {
            code.uses.entry(what).or_insert(offset);
        };
        if let Some(feature) = feature(&instruction) {
            uses(Use::Feature(feature));
        }
        jumps.add((offset - function.offset) / SLOT, &instruction);
        let relocation = program::relocation_at(relocations, offset);
        let section = function.section_index;
        match program::referent(elf, section, offset, &instruction, relocation) {
            Some(Referent::Helper(id)) => uses(Use::Helper(id)),
            Some(Referent::Map { name, .. }) => uses(Use::Map(name)),
            Some(Referent::KfuncId(id)) => {
                uses(Use::Feature("kfuncs"));
                uses(Use::Kfunc {
                    name: Name::from(format!("BTF type {id}")),
                    optional: false,
                });
            }
            Some(Referent::External(name)) if kernel.kconfig.contains(&name) => {
                uses(Use::Feature("global-data"));
            }
            Some(Referent::External(name)) if kernel.ksyms.contains(&name) => {
                let optional = relocation
                    .and_then(|relocation| elf.symbols.get(relocation.symbol))
                    .is_some_and(|symbol| symbol.bind == STB_WEAK);
                if instruction.call().is_none() {
                    uses(Use::Feature("ksyms"));
                } else {
                    if !optional {
                        uses(Use::Feature("kfuncs"));
                    }
                    uses(Use::Kfunc { name, optional });
                }
            }
            Some(Referent::Code { section, offset }) => {
                if let Some(callee) = program::function_at(functions, section, offset) {
                    uses(Use::Feature(match instruction.call() {
                        Some(_) => "calls",
                        None => "callbacks",
                    }));
                    code.callees.entry(callee).or_insert(offset);
                }
            }
            // Without a declaration in BTF, as some linkers leave it.
            Some(Referent::External(name))
                if instruction.call().is_some() && KFUNCS.get(name.as_str()).is_some() =>
            {
                uses(Use::Feature("kfuncs"));
                uses(Use::Kfunc {
                    name,
                    optional: false,
                });
            }
            Some(Referent::External(_)) | None => {}
        }
    }
    if let Some(slot) = jumps.first_loop() {
        let offset = function.offset + slot * SLOT;
        code.uses.entry(Use::Feature("loops")).or_insert(offset);
    }
    code
}

/// Stands for instructions that no row is about.
const UNKNOWN: &str = "an unknown instruction";

/// The row of `data/features.tsv` that an instruction is of; none for those that the
/// first kernels with BPF had. Opcodes: the kernel's
/// Documentation/bpf/standardization/instruction-set.rst.
fn feature(instruction: &Instruction) -> Option<&'static str> {
    let Instruction {
        opcode,
        offset,
        imm,
        ..
    } = *instruction;
    let (class, operation) = (opcode & 7, opcode & 0xf0);
    match class {
        // Loads: BPF_MEMSX.
        1 if opcode & 0xe0 == 0x80 => Some("ldsx"),
        // Stores: BPF_ATOMIC.
        3 if opcode & 0xe0 == 0xc0 => match imm {
            0 => None,
            0x100 | 0x110 => Some("load-acquire"),
            _ => Some("atomics"),
        },
        4 | 7 => match (operation, offset) {
            (0x30 | 0x90, 1) => Some("sdiv"),
            (0xb0, 8 | 16 | 32) => Some("movsx"),
            (0xb0, 1) if class == 7 => Some("addr-space-cast"),
            (0xd0, _) if class == 7 => Some("bswap"),
            (0xe0.., _) => Some(UNKNOWN),
            _ => None,
        },
        5 | 6 => match opcode {
            0x06 => Some("gotol"),
            0x0d => Some("gotox"),
            0x8d => Some("callx"),
            0xe5 => Some("may-goto"),
            0xe6 | 0xf5 | 0xf6 => Some(UNKNOWN),
            _ if class == 6 => Some("jmp32"),
            _ if matches!(operation, 0xa0..=0xd0) => Some("jlt"),
            _ => None,
        },
        _ => None,
    }
}

/// Where the instructions of a function may go on, by slot.
#[derive(Debug, Default)]
struct Jumps {
    /// By slot: how many slots the instruction has, and where else it may go on. `None`
    /// for the second slot of a wide one.
    next: Vec<Option<Step>>,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    slots: u64,
    /// Whether the instruction behind it may follow.
    falls: bool,
    jump: Option<u64>,
}

impl Jumps {
    fn add(&mut self, slot: u64, instruction: &Instruction) {
        let Ok(index) = usize::try_from(slot) else {
            return;
        };
        // may_goto ends a loop by itself, on kernels that have it.
        let jump = (instruction.opcode != 0xe5)
            .then(|| instruction.jump())
            .flatten()
            .and_then(|slots| (slot + 1).checked_add_signed(slots));
        self.next.resize(index, None);
        self.next.push(Some(Step {
            slots: instruction.slots(),
            // Unconditional jumps and exit.
            falls: !matches!(instruction.opcode, 0x05 | 0x06 | 0x0d | 0x95),
            jump,
        }));
    }

    /// The first instruction found that jumps back into what led to it: what the verifier
    /// before Linux 5.3 refused. Depth first, as its `check_cfg`.
    fn first_loop(&self) -> Option<u64> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        // Most functions have no jump back at all.
        let back = |(slot, step): (usize, &Option<Step>)| {
            step.is_some_and(|step| step.jump.is_some_and(|jump| jump <= slot as u64))
        };
        self.next.iter().enumerate().find(|entry| back(*entry))?;

        let mut marks = vec![Mark::New; self.next.len()];
        // A slot, and how many of its ways have been followed.
        let mut path: Vec<(u64, u8)> = vec![(0, 0)];
        while let Some((slot, ways)) = path.last_mut() {
            let index = usize::try_from(*slot).ok()?;
            let Some(Some(step)) = self.next.get(index) else {
                path.pop();
                continue;
            };
            let mark = marks.get_mut(index)?;
            *mark = Mark::Open;
            let way = match ways {
                0 => step.falls.then_some(*slot + step.slots),
                1 => step.jump,
                _ => {
                    *mark = Mark::Done;
                    path.pop();
                    continue;
                }
            };
            *ways += 1;
            let from = *slot;
            let Some(to) = way else { continue };
            match usize::try_from(to).ok().and_then(|to| marks.get(to)) {
                Some(Mark::New) => path.push((to, 0)),
                Some(Mark::Open) => return Some(from),
                Some(Mark::Done) | None => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use object::Endianness;

    use super::*;

    fn decode(code: [u8; 8]) -> Instruction {
        Instruction::decode(&code, Endianness::Little).unwrap()
    }

    #[test]
    fn instructions_tell_their_version() {
        for (code, expected) in [
            ([0xb7, 0, 0, 0, 0, 0, 0, 0], None),
            ([0xbc, 0x71, 0, 0, 0, 0, 0, 0], None),
            ([0xad, 0x12, 1, 0, 0, 0, 0, 0], Some("jlt")),
            ([0x2d, 0x12, 1, 0, 0, 0, 0, 0], None),
            ([0xc5, 0x02, 1, 0, 0, 0, 0, 0], Some("jlt")),
            ([0x56, 0x02, 1, 0, 0, 0, 0, 0], Some("jmp32")),
            ([0xdb, 0x12, 0, 0, 0, 0, 0, 0], None),
            ([0xdb, 0x12, 0, 0, 1, 0, 0, 0], Some("atomics")),
            ([0xc3, 0x12, 0, 0, 0x40, 0, 0, 0], Some("atomics")),
            ([0xdb, 0x12, 0, 0, 0xf1, 0, 0, 0], Some("atomics")),
            ([0xdb, 0x12, 0, 0, 0, 1, 0, 0], Some("load-acquire")),
            ([0x91, 0x21, 4, 0, 0, 0, 0, 0], Some("ldsx")),
            ([0xbf, 0x21, 8, 0, 0, 0, 0, 0], Some("movsx")),
            ([0xbf, 0x21, 1, 0, 1, 0, 0, 0], Some("addr-space-cast")),
            ([0x3f, 0x21, 1, 0, 0, 0, 0, 0], Some("sdiv")),
            ([0xd7, 0x01, 0, 0, 64, 0, 0, 0], Some("bswap")),
            ([0xdc, 0x01, 0, 0, 32, 0, 0, 0], None),
            ([0x06, 0, 0, 0, 2, 0, 0, 0], Some("gotol")),
            ([0xe5, 0, 2, 0, 0, 0, 0, 0], Some("may-goto")),
            ([0x8d, 0, 0, 0, 1, 0, 0, 0], Some("callx")),
            ([0xff, 0, 0, 0, 0, 0, 0, 0], Some(UNKNOWN)),
            ([0x85, 0, 0, 0, 1, 0, 0, 0], None),
            ([0x95, 0, 0, 0, 0, 0, 0, 0], None),
        ] {
            assert_eq!(feature(&decode(code)), expected, "{code:x?}");
        }
    }

    fn first_loop(code: &[[u8; 8]]) -> Option<u64> {
        let mut jumps = Jumps::default();
        for (slot, code) in code.iter().enumerate() {
            jumps.add(slot as u64, &decode(*code));
        }
        jumps.first_loop()
    }

    const MOV: [u8; 8] = [0xb7, 0, 0, 0, 0, 0, 0, 0];
    const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];
    fn goto(slots: i8) -> [u8; 8] {
        [
            0x05,
            0,
            slots.cast_unsigned(),
            if slots < 0 { 0xff } else { 0 },
            0,
            0,
            0,
            0,
        ]
    }
    fn branch(slots: i8) -> [u8; 8] {
        [
            0x15,
            0,
            slots.cast_unsigned(),
            if slots < 0 { 0xff } else { 0 },
            0,
            0,
            0,
            0,
        ]
    }

    #[test]
    fn only_a_way_back_into_itself_is_a_loop() {
        assert_eq!(first_loop(&[MOV, branch(-2), EXIT]), Some(1));
        assert_eq!(first_loop(&[goto(-1)]), Some(0));
        assert_eq!(first_loop(&[MOV, branch(1), MOV, EXIT]), None);
        // A block that stands before what jumps to it.
        assert_eq!(first_loop(&[goto(2), MOV, EXIT, goto(-3)]), None);
        // Never reached.
        assert_eq!(first_loop(&[EXIT, goto(-1)]), None);
        // Out of the function.
        assert_eq!(first_loop(&[goto(-3), EXIT]), None);
        assert_eq!(first_loop(&[goto(100)]), None);
        assert_eq!(first_loop(&[]), None);
    }
}
