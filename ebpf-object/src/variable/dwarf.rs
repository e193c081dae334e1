//! The types of variables, from DWARF.

use std::collections::{HashMap, HashSet};

use gimli::{
    AttributeValue, DebugInfoOffset, DebuggingInformationEntry, DwAt, DwTag, Unit, UnitOffset,
};

use super::{Declared, Type};
use crate::{
    Name,
    elf::Elf,
    lines::{self, Reader},
};

/// How many types may lie within one another.
const MAX_DEPTH: usize = 32;

/// How many entries are read for the types of all variables: a hostile object may have many
/// variables of one large type.
const MAX_ENTRIES: usize = 1 << 20;

/// The crates of types that may only wrap another one.
const WRAPPERS: [&str; 2] = ["core", "aya_ebpf"];

type Entry<'a> = DebuggingInformationEntry<Reader<'a>>;

/// The DWARF of an object.
pub(super) struct Dwarf<'a> {
    dwarf: gimli::Dwarf<Reader<'a>>,
    units: Vec<Unit<Reader<'a>>>,
    /// The modules around the types of each unit.
    scopes: HashMap<usize, HashMap<UnitOffset, Vec<Name>>>,
    /// How many more entries are read.
    left: usize,
}

/// A type: its unit by index, and where it is there.
type At = (usize, UnitOffset);

/// What a structure or union contains.
#[derive(Default)]
struct Content {
    parameters: Vec<At>,
    members: Vec<At>,
}

impl<'a> Dwarf<'a> {
    /// The DWARF of an object; `None` if it has none.
    pub(super) fn read(elf: &Elf<'a>) -> Option<Self> {
        let dwarf = lines::sections(elf)?;
        let mut headers = dwarf.units();
        let mut units = Vec::new();
        while let Ok(Some(header)) = headers.next() {
            units.extend(dwarf.unit(header));
        }
        Some(Self {
            dwarf,
            units,
            scopes: HashMap::new(),
            left: MAX_ENTRIES,
        })
    }

    /// The declarations of the variables with these symbols.
    pub(super) fn declared(mut self, symbols: &HashSet<&str>) -> HashMap<String, Declared> {
        let mut found = HashMap::new();
        for index in 0..self.units.len() {
            for (name, at) in self.variables(index, symbols).unwrap_or_default() {
                if found.contains_key(&name) {
                    continue;
                }
                if let Some(declared) = self.declaration(at) {
                    found.insert(name, declared);
                }
            }
        }
        found
    }

    /// The variables of a unit with these symbols, and their types.
    fn variables(&self, index: usize, symbols: &HashSet<&str>) -> gimli::Result<Vec<(String, At)>> {
        let mut found = Vec::new();
        let mut entries = self.units[index].entries();
        while let Some(entry) = entries.next_dfs()? {
            if entry.tag() != gimli::DW_TAG_variable {
                continue;
            }
            let name = self
                .text(index, entry, gimli::DW_AT_linkage_name)
                .or_else(|| self.text(index, entry, gimli::DW_AT_name));
            if let Some(name) = name.filter(|name| symbols.contains(name.as_str()))
                && let Some(at) = self.type_of(index, entry)
            {
                found.push((name, at));
            }
        }
        Ok(found)
    }

    fn declaration(&mut self, at: At) -> Option<Declared> {
        let parameters = self.content(at)?.parameters;
        let parameters = parameters.into_iter().map(|at| self.resolve(at, 0));
        Some(Declared {
            parameters: parameters.collect::<Option<_>>()?,
            value: self.resolve(at, 0)?,
        })
    }

    fn resolve(&mut self, (index, offset): At, depth: usize) -> Option<Type> {
        self.left = self.left.checked_sub(1)?;
        if depth > MAX_DEPTH {
            return None;
        }
        let (tag, size, inner) = {
            let entry = self.units.get(index)?.entry(offset).ok()?;
            let size = number(&entry, gimli::DW_AT_byte_size);
            (entry.tag(), size, self.type_of(index, &entry))
        };
        match tag {
            gimli::DW_TAG_base_type => self.base((index, offset), size?),
            gimli::DW_TAG_enumeration_type => match inner {
                Some(inner) => self.resolve(inner, depth + 1),
                None => Some(Type::Integer {
                    size: size?,
                    signed: false,
                }),
            },
            gimli::DW_TAG_typedef | gimli::DW_TAG_const_type | gimli::DW_TAG_volatile_type => {
                self.resolve(inner?, depth + 1)
            }
            gimli::DW_TAG_array_type => Some(Type::Array {
                element: Box::new(self.resolve(inner?, depth + 1)?),
                len: self.array_len((index, offset))?,
            }),
            gimli::DW_TAG_structure_type | gimli::DW_TAG_union_type => {
                self.record((index, offset), size?, depth)
            }
            gimli::DW_TAG_pointer_type => Some(Type::Other { size: 8 }),
            _ => Some(Type::Other { size: size? }),
        }
    }

    fn base(&self, (index, offset): At, size: u64) -> Option<Type> {
        let entry = self.units.get(index)?.entry(offset).ok()?;
        let AttributeValue::Encoding(encoding) = entry.attr_value(gimli::DW_AT_encoding)? else {
            return None;
        };
        let integer = |signed| Some(Type::Integer { size, signed });
        match encoding {
            gimli::DW_ATE_boolean if size == 1 => Some(Type::Bool),
            gimli::DW_ATE_signed | gimli::DW_ATE_signed_char => integer(true),
            gimli::DW_ATE_unsigned | gimli::DW_ATE_unsigned_char | gimli::DW_ATE_UTF => {
                integer(false)
            }
            _ => Some(Type::Other { size }),
        }
    }

    /// A structure or union, or what it wraps.
    fn record(&mut self, at: At, size: u64, depth: usize) -> Option<Type> {
        let path = self.path(at);
        let wraps = path
            .first()
            .is_some_and(|name| WRAPPERS.contains(&name.as_str()));
        if wraps {
            let Content {
                parameters,
                members,
            } = self.content(at)?;
            let wrapped = parameters
                .into_iter()
                .chain(members)
                .filter_map(|inner| self.resolve(inner, depth + 1))
                .find(|inner| inner.size() == Some(size));
            if wrapped.is_some() {
                return wrapped;
            }
        }
        Some(Type::Record { path, size })
    }

    /// What an entry contains directly.
    fn content(&mut self, (index, offset): At) -> Option<Content> {
        let mut content = Content::default();
        let mut left = self.left;
        let mut entries = self.units.get(index)?.entries_at_offset(offset).ok()?;
        entries.next_dfs().ok()??;
        while let Some(entry) = entries.next_dfs().ok()?
            && entry.depth() > 0
        {
            left = left.checked_sub(1)?;
            if entry.depth() > 1 {
                continue;
            }
            let list = match entry.tag() {
                gimli::DW_TAG_template_type_parameter => &mut content.parameters,
                gimli::DW_TAG_member => &mut content.members,
                _ => continue,
            };
            list.extend(self.type_of(index, entry));
        }
        self.left = left;
        Some(content)
    }

    fn array_len(&mut self, (index, offset): At) -> Option<u64> {
        let mut entries = self.units.get(index)?.entries_at_offset(offset).ok()?;
        entries.next_dfs().ok()??;
        self.left = self.left.checked_sub(1)?;
        let range = entries.next_dfs().ok()??;
        if range.depth() != 1 || range.tag() != gimli::DW_TAG_subrange_type {
            return None;
        }
        let len = number(range, gimli::DW_AT_count);
        len.or_else(|| number(range, gimli::DW_AT_upper_bound)?.checked_add(1))
    }

    /// The name of a type, with the modules that it is in.
    fn path(&mut self, (index, offset): At) -> Vec<Name> {
        if !self.scopes.contains_key(&index) {
            let scopes = self.scopes_of(index).unwrap_or_default();
            self.scopes.insert(index, scopes);
        }
        let scopes = self.scopes.get(&index);
        scopes
            .and_then(|scopes| scopes.get(&offset))
            .cloned()
            .unwrap_or_default()
    }

    /// The paths of the structures and unions in a unit that are in a module, not in a function or
    /// another type.
    fn scopes_of(&self, index: usize) -> gimli::Result<HashMap<UnitOffset, Vec<Name>>> {
        let mut found = HashMap::new();
        // The modules around the entry, each with its depth.
        let mut modules: Vec<(isize, Name)> = Vec::new();
        let mut entries = self.units[index].entries();
        while let Some(entry) = entries.next_dfs()? {
            let depth = entry.depth();
            while modules.pop_if(|(outer, _)| *outer >= depth).is_some() {}
            let is_direct = modules
                .last()
                .map_or(depth == 1, |(outer, _)| *outer == depth - 1);
            let tag = entry.tag();
            if !is_direct || modules.len() > MAX_DEPTH || !is_named(tag) {
                continue;
            }
            let Some(name) = self.text(index, entry, gimli::DW_AT_name).map(Name::from) else {
                continue;
            };
            if tag == gimli::DW_TAG_namespace {
                modules.push((depth, name));
            } else {
                let outer = modules.iter().map(|(_, name)| name.clone());
                found.insert(entry.offset(), outer.chain([name]).collect());
            }
        }
        Ok(found)
    }

    fn text(&self, index: usize, entry: &Entry<'a>, attribute: DwAt) -> Option<String> {
        let value = entry.attr_value(attribute)?;
        let text = self.dwarf.attr_string(self.units.get(index)?, value).ok()?;
        Some(gimli::Reader::to_string_lossy(&text).ok()?.into_owned())
    }

    /// The type of an entry.
    fn type_of(&self, index: usize, entry: &Entry<'a>) -> Option<At> {
        match entry.attr_value(gimli::DW_AT_type)? {
            AttributeValue::UnitRef(offset) => Some((index, offset)),
            AttributeValue::DebugInfoRef(offset) => self.find(offset),
            _ => None,
        }
    }

    /// The unit of an offset in the section.
    fn find(&self, offset: DebugInfoOffset) -> Option<At> {
        // They are in the order of the section.
        let after = self.units.partition_point(|unit| {
            let start = unit.header.debug_info_offset();
            start.is_some_and(|start| start <= offset)
        });
        let index = after.checked_sub(1)?;
        let unit = self.units.get(index)?;
        Some((index, offset.to_unit_offset(&unit.header)?))
    }
}

fn is_named(tag: DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_namespace | gimli::DW_TAG_structure_type | gimli::DW_TAG_union_type
    )
}

fn number(entry: &Entry<'_>, attribute: DwAt) -> Option<u64> {
    entry.attr_value(attribute)?.udata_value()
}
