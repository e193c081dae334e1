//! The functions of an object: its programs, the subprograms that they share, and
//! what each calls.

use std::collections::{BTreeSet, HashMap};

use ebpf_base::{Error, Result};
use object::elf;
use serde::Serialize;

use super::{
    Hook, Name,
    elf::{Elf, Relocation, Symbol},
    helper,
    instruction::{Instruction, Reference, SLOT},
};

/// More functions than any real object has; keeps the work on a hostile one small.
const MAX_FUNCTIONS: usize = 10_000;

/// A function of the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Function {
    /// Its symbol.
    pub name: Name,
    /// Its section.
    pub section: Name,
    /// The index of its section in the file.
    #[serde(skip)]
    pub section_index: usize,
    /// Where it begins in its section, in bytes.
    pub offset: u64,
    /// Slots of eight bytes, as the kernel counts instructions: `lddw` counts twice.
    pub instructions: u64,
}

/// What code refers to outside of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct References {
    /// Helpers of the kernel that it calls, by name.
    pub helpers: BTreeSet<Name>,
    /// Kernel functions (kfuncs) that it calls.
    pub kfuncs: BTreeSet<Name>,
    /// Maps that it uses, with the sections of global variables.
    pub maps: BTreeSet<Name>,
    /// Subprograms that it calls or hands to helpers as callbacks.
    pub subprograms: BTreeSet<Name>,
}

/// A program: what the kernel loads and attaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Program {
    /// Its code.
    #[serde(flatten)]
    pub function: Function,
    /// What it is and where it attaches; none if its section name does not say.
    pub hook: Option<Hook>,
    /// Its instructions with those of all subprograms it reaches: what is loaded.
    pub loaded_instructions: u64,
    /// What it and the subprograms that it reaches refer to.
    #[serde(flatten)]
    pub references: References,
}

/// The functions of an object, sorted out.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub programs: Vec<Program>,
    pub subprograms: Vec<Function>,
    /// Symbols that nothing defines.
    pub unresolved: BTreeSet<Name>,
}

/// What one function refers to, with subprograms by index.
#[derive(Debug, Default)]
struct Direct {
    references: References,
    callees: BTreeSet<usize>,
}

/// Finds the functions of `elf`. `externs` are the symbols that BTF declares to be
/// the kernel's.
pub(super) fn code(elf: &Elf<'_>, externs: &BTreeSet<Name>) -> Result<Code> {
    let functions = functions(elf)?;
    let mut tables = HashMap::new();
    let direct: Vec<_> = functions
        .iter()
        .map(|function| {
            let section = function.section_index;
            let table = tables
                .entry(section)
                .or_insert_with(|| relocations(elf, section));
            direct_references(elf, function, table, &functions, externs)
        })
        .collect();

    let mut code = Code::default();
    for (index, function) in functions.iter().enumerate() {
        if function.section.as_str() == ".text" {
            code.subprograms.push(function.clone());
            continue;
        }
        let reached = reachable(index, &direct);
        let mut references = References::default();
        let mut loaded_instructions = 0;
        for (function, direct) in reached
            .iter()
            .filter_map(|at| functions.get(*at).zip(direct.get(*at)))
        {
            loaded_instructions += function.instructions;
            let all = &direct.references;
            references.helpers.extend(all.helpers.iter().cloned());
            references.kfuncs.extend(all.kfuncs.iter().cloned());
            references.maps.extend(all.maps.iter().cloned());
            references
                .subprograms
                .extend(all.subprograms.iter().cloned());
        }
        code.programs.push(Program {
            hook: Hook::of(function.section.as_str()),
            function: function.clone(),
            loaded_instructions,
            references,
        });
    }
    code.unresolved = elf
        .symbols
        .iter()
        .filter(|symbol| symbol.undefined && symbol.bind != elf::STB_WEAK)
        .map(|symbol| Name::from(symbol.name.as_ref()))
        .filter(|name| !externs.contains(name))
        .collect();
    Ok(code)
}

/// Every function with code, in the order of the file.
pub(crate) fn functions(elf: &Elf<'_>) -> Result<Vec<Function>> {
    let mut by_section: Vec<Vec<&Symbol<'_>>> = elf.sections.iter().map(|_| Vec::new()).collect();
    for symbol in &elf.symbols {
        let code = match symbol.kind {
            elf::STT_FUNC => true,
            // Old compilers gave functions no type.
            elf::STT_NOTYPE => symbol.bind == elf::STB_GLOBAL,
            _ => false,
        };
        if let Some(symbols) = symbol.section.and_then(|index| by_section.get_mut(index))
            && code
        {
            symbols.push(symbol);
        }
    }

    let mut functions = Vec::new();
    for (section_index, (section, mut symbols)) in elf.sections.iter().zip(by_section).enumerate() {
        let end = section.data.len() as u64;
        if !section.executable || end == 0 {
            continue;
        }
        // A second symbol at the same place is another name for the same code.
        symbols.sort_by_key(|symbol| (symbol.value, symbol.kind != elf::STT_FUNC));
        symbols.dedup_by_key(|symbol| symbol.value);
        symbols.retain(|symbol| symbol.value < end);
        let unnamed = symbols.is_empty().then(|| Function {
            name: Name::from(section.name.as_ref()),
            section: Name::from(section.name.as_ref()),
            section_index,
            offset: 0,
            instructions: end / SLOT,
        });
        functions.extend(unnamed);
        for (at, symbol) in symbols.iter().enumerate() {
            let next = symbols.get(at + 1).map_or(end, |next| next.value);
            let size = match symbol.size {
                0 => next - symbol.value,
                size => size.min(next - symbol.value),
            };
            functions.push(Function {
                name: Name::from(symbol.name.as_ref()),
                section: Name::from(section.name.as_ref()),
                section_index,
                offset: symbol.value,
                instructions: size / SLOT,
            });
        }
        if functions.len() > MAX_FUNCTIONS {
            return Err(Error::new(
                super::Code::TooManyFunctions,
                "the object has too many functions",
            )
            .because(format!("more than {MAX_FUNCTIONS} were found"))
            .fix("split it into several objects"));
        }
    }
    Ok(functions)
}

/// The instructions of a function with their offsets in the section.
pub(crate) fn instructions<'a>(
    elf: &Elf<'a>,
    function: &Function,
) -> impl Iterator<Item = (u64, Instruction)> + use<'a> {
    let data = elf
        .sections
        .get(function.section_index)
        .map_or(&[][..], |section| section.data);
    let endian = elf.endian;
    let end = function.offset + function.instructions * SLOT;
    let mut at = function.offset;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let here = at;
        let instruction = Instruction::decode(data.get(usize::try_from(here).ok()?..)?, endian)?;
        at += instruction.slots() * SLOT;
        Some((here, instruction))
    })
}

/// What an instruction refers to, as far as the object tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Referent {
    /// Code of this object.
    Code {
        /// The index of its section.
        section: usize,
        /// Where in the section, in bytes.
        offset: u64,
    },
    /// A map, or a section of global variables.
    Map {
        /// The name of the map or section.
        name: Name,
        /// Where in its value, in bytes.
        offset: i64,
    },
    /// A helper of the kernel.
    Helper(i32),
    /// A symbol that this object does not define.
    External(Name),
    /// A kernel function by the number of its BTF type.
    KfuncId(i32),
}

/// What the instruction at `offset` refers to, if it is a call or a load of an address.
pub(crate) fn referent(
    elf: &Elf<'_>,
    section: usize,
    offset: u64,
    instruction: &Instruction,
    relocation: Option<&Relocation>,
) -> Option<Referent> {
    let call = instruction.call();
    if let Some(relocation) = relocation
        && (call.is_some() || instruction.is_wide_load())
    {
        let symbol = elf.symbols.get(relocation.symbol)?;
        let addend = relocation
            .addend
            .unwrap_or_else(|| i64::from(instruction.imm));
        let Some(target) = symbol.section else {
            return Some(Referent::External(Name::from(symbol.name.as_ref())));
        };
        let home = elf.sections.get(target)?;
        if home.executable {
            // A call holds the distance in slots less one, a load the one in bytes.
            let distance = match call {
                Some(_) => (i64::from(instruction.imm) + 1) * SLOT.cast_signed(),
                None => addend,
            };
            return Some(Referent::Code {
                section: target,
                offset: symbol.value.wrapping_add_signed(distance),
            });
        }
        let named = !symbol.name.is_empty() && matches!(&*home.name, "maps" | ".maps");
        let name = if named { &symbol.name } else { &home.name };
        return Some(Referent::Map {
            name: Name::from(name.as_ref()),
            offset: if named {
                0
            } else {
                addend.wrapping_add_unsigned(symbol.value)
            },
        });
    }
    match call? {
        Reference::Helper(id) => Some(Referent::Helper(id)),
        Reference::Kfunc(id) => Some(Referent::KfuncId(id)),
        Reference::Relative(slots) => Some(Referent::Code {
            section,
            offset: (offset + SLOT).wrapping_add_signed(i64::from(slots) * SLOT.cast_signed()),
        }),
    }
}

/// The relocations of a section, for looking up by offset.
pub(crate) fn relocations(elf: &Elf<'_>, section: usize) -> Vec<Relocation> {
    let mut all: Vec<_> = elf.relocations(section).collect();
    all.sort_by_key(|relocation| relocation.offset);
    all
}

/// The relocation at `offset` among sorted ones.
pub(crate) fn relocation_at(sorted: &[Relocation], offset: u64) -> Option<&Relocation> {
    let at = sorted
        .binary_search_by_key(&offset, |relocation| relocation.offset)
        .ok()?;
    sorted.get(at)
}

/// The function that begins at that place.
pub(crate) fn function_at(functions: &[Function], section: usize, offset: u64) -> Option<usize> {
    functions
        .binary_search_by_key(&(section, offset), |function| {
            (function.section_index, function.offset)
        })
        .ok()
}

fn direct_references(
    elf: &Elf<'_>,
    function: &Function,
    relocations: &[Relocation],
    functions: &[Function],
    externs: &BTreeSet<Name>,
) -> Direct {
    let mut direct = Direct::default();
    let found = &mut direct.references;
    for (offset, instruction) in instructions(elf, function) {
        let relocation = relocation_at(relocations, offset);
        match referent(
            elf,
            function.section_index,
            offset,
            &instruction,
            relocation,
        ) {
            Some(Referent::Helper(id)) => {
                let name = helper::name(id).unwrap_or_else(|| format!("unknown helper {id}"));
                found.helpers.insert(Name::from(name));
            }
            Some(Referent::Map { name, .. }) => {
                found.maps.insert(name);
            }
            Some(Referent::External(name))
                if externs.contains(&name) && instruction.call().is_some() =>
            {
                found.kfuncs.insert(name);
            }
            Some(Referent::KfuncId(id)) => {
                found.kfuncs.insert(Name::from(format!("BTF type {id}")));
            }
            Some(Referent::Code { section, offset }) => {
                if let Some(at) = function_at(functions, section, offset)
                    && let Some(callee) = functions.get(at)
                {
                    found.subprograms.insert(callee.name.clone());
                    direct.callees.insert(at);
                }
            }
            Some(Referent::External(_)) | None => {}
        }
    }
    direct
}

/// `start` and every function that it calls, directly or not.
fn reachable(start: usize, direct: &[Direct]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(index) = waiting.pop() {
        if reached.insert(index)
            && let Some(direct) = direct.get(index)
        {
            waiting.extend(&direct.callees);
        }
    }
    reached
}
