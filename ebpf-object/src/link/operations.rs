//! Programs that are operations of a kernel structure (`struct_ops`).

use std::collections::HashMap;

use ebpf_base::btf::{Btf, Kind};

use super::code::{Function, Starts, Target};
use crate::elf::Elf;

/// For each function, by its number, the structure and the member that the object sets to
/// it: the first of several.
pub(super) fn operations(
    elf: &Elf<'_>,
    functions: &[Function],
    btf: Option<&Btf<'_>>,
) -> HashMap<usize, (String, String)> {
    let mut operations = HashMap::new();
    let Some(btf) = btf else {
        return operations;
    };
    let starts = Starts::of(functions);
    for (index, section) in elf.sections.iter().enumerate() {
        let name = section.name.trim_start_matches('?');
        if name != ".struct_ops" && name != ".struct_ops.link" {
            continue;
        }
        let variables: Vec<_> = elf
            .symbols
            .iter()
            .filter(|symbol| symbol.section == Some(index) && symbol.size > 0)
            .collect();
        let mut relocations: Vec<_> = elf.relocations(index).collect();
        relocations.sort_by_key(|relocation| relocation.offset);
        for relocation in relocations {
            let operation = (|| {
                let symbol = elf.symbols.get(relocation.symbol)?;
                let Target::Function(function) = starts.at(symbol.section?, symbol.value) else {
                    return None;
                };
                let variable = variables.iter().find(|variable| {
                    (variable.value..variable.value + variable.size).contains(&relocation.offset)
                })?;
                let declared = btf
                    .section(&section.name)
                    .find(|declared| btf.string(declared.name) == variable.name)?;
                let structure = btf.resolve(declared.size_or_type)?;
                let bits = (relocation.offset - variable.value).checked_mul(8)?;
                let member = btf
                    .members(structure)
                    .find(|member| u64::from(member.bit_offset) == bits)?;
                let structure = btf.string(structure.name).into_owned();
                Some((function, (structure, btf.string(member.name).into_owned())))
            })();
            if let Some((function, operation)) = operation {
                operations.entry(function).or_insert(operation);
            }
        }
    }
    operations
}

/// What the kernel calls an operation: the id of its structure's type, and the number of
/// the member.
pub fn in_kernel(kernel: &Btf<'_>, structure: &str, member: &str) -> Option<(u32, u32)> {
    let plain = structure.split("___").next().unwrap_or(structure);
    let id = kernel.id_of(Kind::Struct, plain)?;
    let index = kernel
        .members(kernel.get(id)?)
        .position(|found| kernel.name(found.name) == member.as_bytes())?;
    Some((id, u32::try_from(index).ok()?))
}
