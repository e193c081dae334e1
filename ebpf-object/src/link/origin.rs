//! Where each instruction that the kernel is given stands in the object. aya-obj appends
//! the functions that a program calls behind it; this has it do so on the host, with no
//! kernel asked, and with line records that lead back instead of the object's own.

use std::collections::{HashMap, HashSet};

use aya_obj::{Object, generated::bpf_line_info};

use super::{calls, compat, panic_guard};

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
    panic_guard::run(|| {
        let image = compat::image(data).ok()?;
        let object = panic_guard::step(|| Object::parse(&image.bytes))
            .ok()?
            .ok()?;
        Some(link_programs(object))
    })
    .ok()
    .flatten()
    .unwrap_or_default()
}

fn link_programs(mut object: Object) -> Vec<Linked> {
    let sections: HashSet<usize> = object
        .functions
        .keys()
        .map(|(section, _)| *section)
        .collect();
    let mut origins = HashMap::new();
    // None: what cannot be loaded was never refused either.
    let taken_out = HashMap::new();
    for (tag, function) in (0..).zip(object.functions.values_mut()) {
        origins.insert(
            tag,
            Origin {
                section: function.section_index.0,
                offset: function.section_offset as u64,
            },
        );
        function.line_info.line_info = vec![bpf_line_info {
            insn_off: 0,
            file_name_off: tag,
            line_off: 0,
            line_col: 0,
        }];
    }
    let programs: Vec<_> = std::mem::take(&mut object.programs).into_iter().collect();
    programs
        .into_iter()
        .filter_map(|(name, program)| {
            let function =
                calls::calls_of_program(&mut object, &name, &program, &sections, &taken_out)
                    .ok()?;
            let mut stretches: Vec<_> = function
                .line_info
                .line_info
                .iter()
                .filter_map(|record| {
                    Some(Stretch {
                        start: u64::from(record.insn_off),
                        origin: *origins.get(&record.file_name_off)?,
                    })
                })
                .collect();
            stretches.sort_by_key(|stretch| stretch.start);
            Some(Linked {
                name,
                section: program.section_index,
                stretches,
                slots: function.instructions.len() as u64,
            })
        })
        .collect()
}
