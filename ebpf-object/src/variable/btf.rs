//! The types of variables, from BTF, which has no paths of types and no type parameters.

use std::collections::{HashMap, HashSet};

use ebpf_base::btf::{Btf, Kind};

use super::{Declared, Type};
use crate::{
    Name,
    elf::Elf,
    map::{btf_definition, data_flags},
};

/// How many types may lie within one another.
const MAX_DEPTH: usize = 32;

/// How many members of a structure are looked at to find the one that it wraps.
const MAX_MEMBERS: usize = 4;

/// The section of maps.
const MAPS: &str = ".maps";

/// The declarations of the variables with these symbols.
pub(super) fn declared(elf: &Elf<'_>, symbols: &HashSet<&str>) -> HashMap<String, Declared> {
    let section = elf.section(".BTF");
    let btf = section.and_then(|(_, section)| Btf::parse(section.data).ok());
    let Some(btf) = btf else {
        return HashMap::new();
    };
    let data = elf.sections.iter().map(|section| section.name.as_ref());
    let data = data.filter(|section| *section == MAPS || data_flags(section).is_some());
    let sections: HashSet<&str> = data.collect();
    let mut found = HashMap::new();
    for section in sections {
        for variable in btf.section(section) {
            let name = btf.string(variable.name);
            if !symbols.contains(&*name) {
                continue;
            }
            let declared = match section {
                MAPS => map(&btf, variable.size_or_type),
                _ => global(&btf, variable.size_or_type),
            };
            if let Some(declared) = declared {
                found.insert(name.into_owned(), declared);
            }
        }
    }
    found
}

fn global(btf: &Btf<'_>, id: u32) -> Option<Declared> {
    Some(Declared {
        value: resolve(btf, id, 0)?,
        parameters: Vec::new(),
    })
}

/// A map, with the types of its keys and values in place of type parameters.
fn map(btf: &Btf<'_>, id: u32) -> Option<Declared> {
    let shape = btf_definition(btf, btf.resolve(id)?);
    let parameters = [shape.key_type, shape.value_type]
        .into_iter()
        .filter_map(|id| resolve(btf, id, 0));
    Some(Declared {
        value: Type::Other {
            size: btf.size(id)?.into(),
        },
        parameters: parameters.collect(),
    })
}

fn resolve(btf: &Btf<'_>, id: u32, depth: usize) -> Option<Type> {
    if depth > MAX_DEPTH {
        return None;
    }
    let found = btf.resolve(id)?;
    let size = u64::from(btf.size(id)?);
    Some(match found.kind {
        Kind::Int if btf.int(found)?.boolean && size == 1 => Type::Bool,
        Kind::Int => Type::Integer {
            size,
            signed: btf.int(found)?.signed,
        },
        Kind::Enum | Kind::Enum64 => Type::Integer {
            size,
            signed: found.flag,
        },
        Kind::Array => {
            let array = btf.array(found)?;
            Type::Array {
                element: Box::new(resolve(btf, array.element, depth + 1)?),
                len: array.len.into(),
            }
        }
        Kind::Struct | Kind::Union => {
            let members = btf.members(found).take(MAX_MEMBERS);
            let mut wrapped = members
                .filter(|member| btf.size(member.type_id).map(u64::from) == Some(size))
                .map(|member| member.type_id);
            match wrapped.next() {
                Some(inner) if size > 0 => resolve(btf, inner, depth + 1)?,
                _ => Type::Record {
                    path: vec![Name::from(btf.string(found.name))],
                    size,
                },
            }
        }
        _ => Type::Other { size },
    })
}
