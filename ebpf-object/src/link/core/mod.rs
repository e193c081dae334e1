//! CO-RE: fits what an object knows of kernel types to a kernel, as libbpf's
//! `relo_core.c` does. Each relocation contains a path through a type of the object; the
//! same path in the kernel's types gives the value for the instruction.

mod compat;
mod patch;
mod spec;
mod value;

use std::{cell::OnceCell, collections::HashMap};

use ebpf_base::btf::{Btf, Kind};

pub use self::compat::types_are_compatible;
use self::{
    patch::patch,
    spec::Spec,
    value::{Computed, compute},
};
use super::code::Function;
use crate::btf_ext::CoreRelocation;

/// What a relocation asks for: `enum bpf_core_relo_kind` of the kernel's bpf.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    FieldOffset,
    FieldSize,
    FieldExists,
    FieldSigned,
    FieldLeftShift,
    FieldRightShift,
    LocalTypeId,
    KernelTypeId,
    TypeExists,
    TypeSize,
    EnumeratorExists,
    EnumeratorValue,
    TypeMatches,
}

/// Which part of a type a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Field,
    Type,
    Enumerator,
}

impl Question {
    const ALL: [Self; 13] = [
        Self::FieldOffset,
        Self::FieldSize,
        Self::FieldExists,
        Self::FieldSigned,
        Self::FieldLeftShift,
        Self::FieldRightShift,
        Self::LocalTypeId,
        Self::KernelTypeId,
        Self::TypeExists,
        Self::TypeSize,
        Self::EnumeratorExists,
        Self::EnumeratorValue,
        Self::TypeMatches,
    ];

    fn subject(self) -> Subject {
        match self {
            Self::FieldOffset
            | Self::FieldSize
            | Self::FieldExists
            | Self::FieldSigned
            | Self::FieldLeftShift
            | Self::FieldRightShift => Subject::Field,
            Self::LocalTypeId
            | Self::KernelTypeId
            | Self::TypeExists
            | Self::TypeSize
            | Self::TypeMatches => Subject::Type,
            Self::EnumeratorExists | Self::EnumeratorValue => Subject::Enumerator,
        }
    }
}

/// The types of a kernel, for finding them by name.
pub struct KernelTypes<'btf> {
    btf: &'btf Btf<'btf>,
    names: OnceCell<HashMap<Vec<u8>, Vec<u32>>>,
}

impl<'btf> KernelTypes<'btf> {
    /// Those of a kernel's BTF.
    pub fn of(btf: &'btf Btf<'btf>) -> Self {
        Self {
            btf,
            names: OnceCell::new(),
        }
    }

    /// The types that a type of the object with this name and kind may stand for.
    fn candidates(&self, name: &[u8], kind: Kind) -> impl Iterator<Item = u32> {
        let names = self.names.get_or_init(|| {
            let mut names: HashMap<Vec<u8>, Vec<u32>> = HashMap::new();
            for (id, found) in (1..).zip(self.btf.types()) {
                if found.name != 0 && !matches!(found.kind, Kind::Func | Kind::Var) {
                    let name = self.btf.name(found.name);
                    let plain = without_flavor(name);
                    // Looked up much more often than made: the key is owned once.
                    match names.get_mut(plain) {
                        Some(ids) => ids.push(id),
                        None => drop(names.insert(plain.to_vec(), vec![id])),
                    }
                }
            }
            names
        });
        let ids = names.get(without_flavor(name)).map(Vec::as_slice);
        ids.unwrap_or_default().iter().copied().filter(move |&id| {
            self.btf
                .get(id)
                .is_some_and(|found| kinds_are_compatible(found.kind, kind))
        })
    }
}

/// A name up to `___`: what follows only tells apart the variants of a type in an object.
fn without_flavor(name: &[u8]) -> &[u8] {
    // libbpf's bpf_core_essential_name_len: from the end, something on both sides.
    let last = name.len().saturating_sub(5);
    (0..=last)
        .rev()
        .find(|&at| {
            name.get(at..at + 5)
                .is_some_and(|five| five[0] != b'_' && &five[1..4] == b"___" && five[4] != b'_')
        })
        .map_or(name, |at| &name[..=at])
}

/// Whether types of these kinds may stand for each other.
fn kinds_are_compatible(one: Kind, other: Kind) -> bool {
    one == other || is_enum(one) && is_enum(other)
}

fn is_enum(kind: Kind) -> bool {
    matches!(kind, Kind::Enum | Kind::Enum64)
}

/// Fits the instructions of `functions` to a kernel; `None` for one without BTF. Returns
/// the functions for which that fails, and why.
pub(super) fn relocate(
    functions: &mut [Function],
    relocations: &[(usize, CoreRelocation)],
    local: &Btf<'_>,
    kernel: Option<&KernelTypes<'_>>,
) -> HashMap<usize, String> {
    let mut failures = HashMap::new();
    let mut order: Vec<_> = (0..functions.len()).collect();
    order.sort_by_key(|&number| (functions[number].section, functions[number].offset));
    for (section, relocation) in relocations {
        let next = order.partition_point(|&number| {
            (functions[number].section, functions[number].offset) <= (*section, relocation.offset)
        });
        let Some(&number) = next.checked_sub(1).and_then(|at| order.get(at)) else {
            continue;
        };
        let function = &mut functions[number];
        // Of a function that the linker has left out.
        if function.section != *section {
            continue;
        }
        let Some(slot) = function.slot(relocation.offset) else {
            continue;
        };
        let done = resolve(local, relocation, kernel).and_then(|computed| {
            if computed.poisoned {
                function
                    .absent
                    .extend(relocation.path(local).map(|path| (slot, path)));
            }
            patch(&mut function.instructions, slot, &computed)
        });
        if let Err(cause) = done {
            failures.entry(number).or_insert_with(|| {
                format!("{cause}, at instruction {slot} of `{}`", function.name)
            });
        }
    }
    failures
}

/// The value that a relocation stands for.
fn resolve(
    local: &Btf<'_>,
    relocation: &CoreRelocation,
    kernel: Option<&KernelTypes<'_>>,
) -> Result<Computed, String> {
    let question = Question::ALL
        .get(relocation.kind as usize)
        .copied()
        .ok_or_else(|| {
            format!(
                "a relocation has the unknown kind {} (CO-RE)",
                relocation.kind
            )
        })?;
    let root = local
        .get(relocation.type_id)
        .ok_or("a relocation refers to a type that the object's BTF does not contain (CO-RE)")?;
    let name = local.string(root.name).into_owned();
    let named = |cause: &str| format!("the relocation for `{name}` {cause} (CO-RE)");
    let wanted = Spec::parse(
        local,
        relocation.type_id,
        &local.string(relocation.access),
        question.subject(),
    )
    .ok_or_else(|| named("does not match the object's BTF"))?;
    if question == Question::LocalTypeId {
        return Ok(Computed::type_id(relocation.type_id));
    }
    let kernel = kernel.ok_or_else(|| named("cannot be applied for a kernel without BTF"))?;
    if name.is_empty() {
        return Err("a type without a name cannot be looked up in the kernel (CO-RE)".to_owned());
    }
    let mut found: Option<(Spec, Computed)> = None;
    for candidate in kernel.candidates(local.name(root.name), root.kind) {
        let Some(spec) = wanted.find_in(local, kernel.btf, candidate, question) else {
            continue;
        };
        let computed =
            compute(question, (local, &wanted), Some((kernel.btf, &spec))).map_err(&named)?;
        match &found {
            None => found = Some((spec, computed)),
            Some((first, same))
                if first.bit_offset == spec.bit_offset
                    && (same.value, same.poisoned) == (computed.value, computed.poisoned) => {}
            Some(_) => {
                return Err(named(
                    "is ambiguous: several kernel types match, with different results",
                ));
            }
        }
    }
    match found {
        Some((_, computed)) => Ok(computed),
        None => compute(question, (local, &wanted), None).map_err(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavors_are_left_out_of_names() {
        for (name, plain) in [
            ("task_struct", "task_struct"),
            ("task_struct___old", "task_struct"),
            ("a___b___c", "a___b"),
            ("___x", "___x"),
            ("x___", "x___"),
            ("x____y", "x____y"),
            ("", ""),
        ] {
            assert_eq!(without_flavor(name.as_bytes()), plain.as_bytes(), "{name}");
        }
    }
}
