//! The global variables of an object, and the types of what it declares.

mod btf;
mod dwarf;

use std::collections::{HashMap, HashSet};

use ebpf_base::Result;
use object::elf::{STB_GLOBAL, STT_OBJECT};

use self::dwarf::Dwarf;
use crate::{Name, elf::Elf, map::data_flags};

/// A global variable that a loader can set by its name before it loads the object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Global {
    /// Its symbol.
    pub name: Name,
    /// The section that it is in, such as `.rodata`.
    pub section: Name,
    /// Its size in bytes.
    pub size: u64,
}

/// The type of a variable, as far as it is known how its bytes are used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// An integer; also an enumeration without fields, or a character.
    Integer {
        /// Its size in bytes.
        size: u64,
        /// Whether it has a sign.
        signed: bool,
    },
    /// A `bool`.
    Bool,
    /// An array.
    Array {
        /// The type of its elements.
        element: Box<Self>,
        /// How many there are.
        len: u64,
    },
    /// A structure or union.
    Record {
        /// Its name and the modules that it is in: the crate first. Only the name, if the object
        /// has no DWARF.
        path: Vec<Name>,
        /// Its size in bytes.
        size: u64,
    },
    /// Another type, such as a pointer.
    Other {
        /// Its size in bytes.
        size: u64,
    },
}

impl Type {
    /// The size in bytes; `None` for an array that is larger than memory.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::Bool => Some(1),
            Self::Array { element, len } => element.size()?.checked_mul(*len),
            Self::Integer { size, .. } | Self::Record { size, .. } | Self::Other { size } => {
                Some(*size)
            }
        }
    }
}

/// A variable, as its source declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Declared {
    /// Its type. Types of `core` and `aya_ebpf` that only wrap another one, such as `Global` and
    /// the atomic types, are left out.
    pub value: Type,
    /// The type parameters of its type, such as the key and the value of a map. Those of a map
    /// whose type is known from BTF only are its key and its value.
    pub parameters: Vec<Type>,
}

/// The global variables of the object in `bytes`, by name. Those with a mangled name, which no
/// loader knows, are left out.
///
/// # Errors
/// When `bytes` are not a BPF object.
pub fn globals(bytes: &[u8]) -> Result<Vec<Global>> {
    let elf = Elf::parse(bytes)?;
    let symbols = elf.symbols.iter().filter(|symbol| {
        (symbol.kind, symbol.bind) == (STT_OBJECT, STB_GLOBAL)
            && symbol.size > 0
            && rustc_demangle::try_demangle(&symbol.name).is_err()
    });
    let mut globals: Vec<_> = symbols
        .filter_map(|symbol| {
            let section = &elf.sections.get(symbol.section?)?.name;
            data_flags(section)?;
            Some(Global {
                name: Name::from(symbol.name.as_ref()),
                section: Name::from(section.as_ref()),
                size: symbol.size,
            })
        })
        .collect();
    globals.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(globals)
}

/// How the source of the object in `bytes` declares the variables with these symbols, as far as
/// its DWARF or its BTF shows. Damaged types are as good as none.
pub fn declared<'a>(
    bytes: &[u8],
    symbols: impl IntoIterator<Item = &'a str>,
) -> HashMap<String, Declared> {
    let symbols: HashSet<&str> = symbols.into_iter().collect();
    let Ok(elf) = Elf::parse(bytes) else {
        return HashMap::new();
    };
    let mut declared = btf::declared(&elf, &symbols);
    let dwarf = Dwarf::read(&elf).map(|dwarf| dwarf.declared(&symbols));
    for (symbol, found) in dwarf.into_iter().flatten() {
        let known = declared.get(&symbol).map(|known| &known.parameters);
        let known = known.filter(|_| found.parameters.is_empty()).cloned();
        let found = Declared {
            parameters: known.unwrap_or(found.parameters),
            ..found
        };
        declared.insert(symbol, found);
    }
    declared
}

#[cfg(test)]
mod tests;
