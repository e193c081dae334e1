//! The code of an object as a listing: each instruction with what it refers to and
//! where it comes from.

use ebpf_base::Result;
use ebpf_base::btf::Btf;
use serde::Serialize;

use super::{
    Function, Name, Object,
    btf_ext::BtfExt,
    elf::{Elf, Relocation},
    instruction::{Instruction, SLOT},
    lines::{Frame, Lines},
    program::{self, Referent},
};

/// A function with its instructions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Listing {
    /// The function.
    #[serde(flatten)]
    pub function: Function,
    /// Its instructions.
    pub code: Vec<Line>,
}

/// An instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Line {
    /// Its number in the function, counted in slots from 0, as the verifier counts.
    pub index: u64,
    /// Its bytes, in hexadecimal.
    pub bytes: String,
    /// Its text in the notation of the kernel's verifier log.
    pub text: String,
    /// What it refers to: a map, a subprogram, a field, the instruction it jumps to.
    pub note: Option<Name>,
    /// The functions and lines it comes from, innermost first.
    pub frames: Vec<Frame>,
}

/// Lists all code of `bytes`, which `object` was read from.
///
/// # Errors
/// When `bytes` are not a whole BPF object.
pub fn listings(bytes: &[u8], object: &Object) -> Result<Vec<Listing>> {
    let elf = Elf::parse(bytes)?;
    let lines = Lines::of(&elf);
    let core = CoreNotes::of(&elf);
    let functions: Vec<_> = object.functions().into_iter().cloned().collect();
    let context = Context {
        elf: &elf,
        functions: &functions,
        core: &core,
    };
    let mut table = (usize::MAX, Vec::new());
    Ok(functions
        .iter()
        .map(|function| {
            if table.0 != function.section_index {
                table = (
                    function.section_index,
                    program::relocations(&elf, function.section_index),
                );
            }
            let code = program::instructions(&elf, function)
                .map(|(offset, instruction)| Line {
                    index: (offset - function.offset) / SLOT,
                    bytes: raw(&elf, function, offset, &instruction),
                    text: instruction.to_string(),
                    note: context.note(function, offset, &instruction, &table.1),
                    frames: lines.at(function.section_index, offset),
                })
                .collect();
            Listing {
                function: function.clone(),
                code,
            }
        })
        .collect())
}

fn raw(elf: &Elf<'_>, function: &Function, offset: u64, instruction: &Instruction) -> String {
    let end = offset + instruction.slots() * SLOT;
    let bytes = elf
        .sections
        .get(function.section_index)
        .and_then(|section| {
            let range = usize::try_from(offset).ok()?..usize::try_from(end).ok()?;
            section.data.get(range)
        });
    bytes
        .unwrap_or_default()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

struct Context<'c, 'a> {
    elf: &'c Elf<'a>,
    functions: &'c [Function],
    core: &'c CoreNotes<'a>,
}

impl Context<'_, '_> {
    fn note(
        &self,
        function: &Function,
        offset: u64,
        instruction: &Instruction,
        relocations: &[Relocation],
    ) -> Option<Name> {
        let section = function.section_index;
        let relocation = program::relocation_at(relocations, offset);
        match program::referent(self.elf, section, offset, instruction, relocation) {
            Some(Referent::Map { name, offset: 0 }) => {
                Some(Name::from(format!("map {}", name.as_str())))
            }
            Some(Referent::Map { name, offset }) => {
                Some(Name::from(format!("map {} {offset:+}", name.as_str())))
            }
            Some(Referent::External(name)) => Some(Name::from(format!("extern {}", name.as_str()))),
            Some(Referent::Code { section, offset }) => {
                let at = program::function_at(self.functions, section, offset)?;
                Some(self.functions.get(at)?.name.demangled())
            }
            // The text of the instruction says it.
            Some(Referent::Helper(_) | Referent::KfuncId(_)) => None,
            None => self
                .core
                .at(function, offset)
                .or_else(|| jump(function, offset, instruction)),
        }
    }
}

/// Where a jump goes, as the number of the instruction in its function.
fn jump(function: &Function, offset: u64, instruction: &Instruction) -> Option<Name> {
    let next = (offset - function.offset) / SLOT + 1;
    let target = next.checked_add_signed(instruction.jump()?)?;
    Some(Name::from(format!("to {target}")))
}

/// CO-RE relocations, with the BTF that names their types.
struct CoreNotes<'a>(Option<(Btf<'a>, BtfExt)>);

/// `enum bpf_core_relo_kind` of the kernel's bpf.h, in words.
const CORE_KINDS: [&str; 13] = [
    "offset of",
    "size of",
    "existence of",
    "signedness of",
    "left shift of",
    "right shift of",
    "local type id of",
    "target type id of",
    "existence of type",
    "size of type",
    "existence of value",
    "value of",
    "match of type",
];

impl<'a> CoreNotes<'a> {
    fn of(elf: &Elf<'a>) -> Self {
        let notes = || {
            let (_, section) = elf.section(".BTF")?;
            let btf = Btf::parse(section.data).ok()?;
            let (_, section) = elf.section(".BTF.ext")?;
            let mut ext = BtfExt::parse(section.data, &btf).ok()?;
            for relocations in ext.core_relocations.values_mut() {
                relocations.sort_by_key(|relocation| relocation.offset);
            }
            Some((btf, ext))
        };
        Self(notes())
    }

    fn at(&self, function: &Function, offset: u64) -> Option<Name> {
        let (btf, ext) = self.0.as_ref()?;
        let relocations = ext.core_relocations.get(function.section.as_str())?;
        let at = relocations
            .binary_search_by_key(&offset, |relocation| relocation.offset)
            .ok()?;
        let relocation = relocations.get(at)?;
        let kind = usize::try_from(relocation.kind)
            .ok()
            .and_then(|kind| CORE_KINDS.get(kind))
            .unwrap_or(&"relocation of");
        Some(Name::from(format!(
            "CO-RE: {kind} {}",
            relocation.path(btf)?
        )))
    }
}
