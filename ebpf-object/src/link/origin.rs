//! Where each instruction that the kernel is given is in the object.

use super::unit::Unit;

/// A program as it is loaded: stretches of code, each from one function of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Linked {
    /// The program's symbol.
    pub name: String,
    /// The section that the program stands in, by its index in the ELF file.
    pub section: usize,
    /// In the order of the program's instructions.
    stretches: Vec<Stretch>,
    /// How many slots there are in all.
    slots: u64,
}

/// Slots of a program from `start` on, up to the next stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    start: u64,
    origin: Origin,
}

/// A place in the code of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The section, by its index in the ELF file.
    pub section: usize,
    /// In bytes from the start of the section.
    pub offset: u64,
}

impl Linked {
    /// The slots at which its functions begin, the program's own first.
    pub fn functions(&self) -> impl Iterator<Item = u64> {
        self.stretches.iter().map(|stretch| stretch.start)
    }

    /// Where the instruction at slot `index` stands.
    pub fn origin(&self, index: u64) -> Option<Origin> {
        let at = self
            .stretches
            .partition_point(|stretch| stretch.start <= index)
            .checked_sub(1)?;
        let stretch = self.stretches.get(at)?;
        let offset = (index - stretch.start).checked_mul(crate::instruction::SLOT)?;
        (index < self.slots).then_some(Origin {
            section: stretch.origin.section,
            offset: stretch.origin.offset.checked_add(offset)?,
        })
    }
}

/// Links every program of the object in `data`. Those that cannot be linked are left
/// out: they never reach a kernel.
pub fn link(data: &[u8]) -> Vec<Linked> {
    let Ok(unit) = Unit::parse(data) else {
        return Vec::new();
    };
    let programs = unit.programs.iter();
    programs
        .filter_map(|program| {
            let assembled = unit.assemble(program).ok()?;
            let stretches = assembled.parts.iter().filter_map(|(start, number)| {
                let function = unit.functions.get(*number)?;
                Some(Stretch {
                    start: *start as u64,
                    origin: Origin {
                        section: function.section,
                        offset: function.offset,
                    },
                })
            });
            Some(Linked {
                name: program.name.clone(),
                section: unit.functions.get(program.function)?.section,
                stretches: stretches.collect(),
                slots: assembled.instructions.len() as u64,
            })
        })
        .collect()
}
