//! The maps that a loader creates for an object: declared ones, and one for each section
//! of global variables.

use std::collections::HashMap;

use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_ARENA;
use ebpf_base::btf::{Btf, Kind};
use object::elf::{STT_NOTYPE, STT_OBJECT};

use crate::{
    elf::Elf,
    map::{self, Shape},
};

use super::code::Target;

/// A map.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Map {
    /// Its symbol, or its section.
    pub name: String,
    /// What it is created with.
    pub shape: Shape,
    /// The values of global variables.
    pub contents: Option<Contents>,
    /// Whether it is defined as before BTF, in a section `maps`: libbpf 1.0 and later do not
    /// read it.
    pub legacy: bool,
    /// Its section, by its index in the ELF file; none for settings of the kernel.
    section: Option<usize>,
    /// Where its symbol is in the section, in bytes; none for global variables.
    symbol: Option<u64>,
}

/// The values of global variables.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they never change once the object is loaded.
    pub constant: bool,
}

/// Where a global variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variable {
    /// The number of the map that has its section.
    pub(super) map: usize,
    /// In the section, in bytes.
    pub(super) offset: u64,
    /// In bytes.
    pub(super) size: u64,
}

/// The section that holds the global variables of an arena.
const ARENA: &str = ".addr_space.1";

/// All maps of an object.
pub(super) fn maps(elf: &Elf<'_>, btf: Option<&Btf<'_>>) -> Vec<Map> {
    let mut maps: Vec<_> = declared(elf, btf).into_iter().chain(legacy(elf)).collect();
    let is_arena = |map: &&mut Map| map.shape.map_type == BPF_MAP_TYPE_ARENA as u32;
    if let Some((_, section)) = elf.section(ARENA)
        && let Some(arena) = maps.iter_mut().find(is_arena)
    {
        arena.contents = Some(Contents {
            bytes: section.data.to_vec(),
            constant: false,
        });
    }
    maps.extend(data(elf, btf));
    maps
}

/// The map of the kernel's settings that an object reads.
pub(super) fn settings(btf: &Btf<'_>, size: u32) -> Map {
    Map {
        name: super::externs::SETTINGS.to_owned(),
        shape: Shape {
            flags: map::READ_ONLY,
            value_type: section_type(btf, super::externs::SETTINGS),
            ..map::data_shape(u64::from(size))
        },
        contents: Some(Contents {
            bytes: vec![0; size as usize],
            constant: true,
        }),
        legacy: false,
        section: None,
        symbol: None,
    }
}

/// The type that lists the variables of a section; 0 for none.
fn section_type(btf: &Btf<'_>, name: &str) -> u32 {
    btf.id_of(Kind::DataSec, name).unwrap_or(0)
}

/// Maps in `.maps`, which BTF describes.
fn declared(elf: &Elf<'_>, btf: Option<&Btf<'_>>) -> Vec<Map> {
    let (Some((index, _)), Some(btf)) = (elf.section(".maps"), btf) else {
        return Vec::new();
    };
    let symbols: HashMap<_, _> = symbols(elf, index).collect();
    btf.section(".maps")
        .filter_map(|variable| {
            let name = btf.string(variable.name).into_owned();
            let structure = btf.resolve(variable.size_or_type)?;
            Some(Map {
                shape: map::btf_definition(btf, structure),
                contents: None,
                legacy: false,
                section: Some(index),
                symbol: Some(*symbols.get(name.as_str())?),
                name,
            })
        })
        .collect()
}

/// Maps as old loaders define them: in `maps`, and with an own name before it, such as
/// `lirc_mode2/maps` of v4l-utils.
fn legacy(elf: &Elf<'_>) -> impl Iterator<Item = Map> {
    let sections = elf.sections.iter().enumerate();
    let sections = sections.filter(|(_, section)| {
        !section.executable && (section.name.starts_with("maps") || section.name.ends_with("/maps"))
    });
    sections.flat_map(move |(index, section)| {
        symbols(elf, index).filter_map(move |(name, offset)| {
            let data = section.data.get(usize::try_from(offset).ok()?..)?;
            Some(Map {
                name: name.to_owned(),
                shape: map::legacy_definition(data, elf.byte_order())?,
                contents: None,
                legacy: true,
                section: Some(index),
                symbol: Some(offset),
            })
        })
    })
}

/// The symbols of variables in a section, with their offsets.
fn symbols<'elf>(elf: &'elf Elf<'_>, section: usize) -> impl Iterator<Item = (&'elf str, u64)> {
    elf.symbols
        .iter()
        .filter(move |symbol| {
            symbol.section == Some(section)
                && !symbol.name.is_empty()
                && [STT_OBJECT, STT_NOTYPE].contains(&symbol.kind)
        })
        .map(|symbol| (&*symbol.name, symbol.value))
}

/// A map for each section of global variables.
fn data(elf: &Elf<'_>, btf: Option<&Btf<'_>>) -> impl Iterator<Item = Map> {
    elf.sections
        .iter()
        .enumerate()
        .filter(|(_, section)| !section.executable && section.size > 0)
        .filter_map(move |(index, section)| {
            let flags = map::data_flags(&section.name)?;
            let mut bytes = section.data.to_vec();
            bytes.resize(usize::try_from(section.size).ok()?, 0);
            Some(Map {
                name: section.name.clone().into_owned(),
                shape: Shape {
                    flags,
                    value_type: btf.map_or(0, |btf| section_type(btf, &section.name)),
                    ..map::data_shape(section.size)
                },
                contents: Some(Contents {
                    bytes,
                    constant: flags == map::READ_ONLY,
                }),
                legacy: false,
                section: Some(index),
                symbol: None,
            })
        })
}

/// The global variables in `maps`, by their symbols.
pub(super) fn variables(elf: &Elf<'_>, maps: &[Map]) -> HashMap<String, Variable> {
    let symbols = elf.symbols.iter();
    symbols
        .filter(|symbol| symbol.kind == STT_OBJECT && symbol.size > 0)
        .filter_map(|symbol| {
            let holds = |map: &Map| map.section == symbol.section && map.contents.is_some();
            let variable = Variable {
                map: maps
                    .iter()
                    .position(|map| holds(map) && map.section.is_some())?,
                offset: symbol.value,
                size: symbol.size,
            };
            Some((symbol.name.clone().into_owned(), variable))
        })
        .collect()
}

/// What an instruction with the number `immediate` refers to by a symbol that is not code.
pub(super) fn target(elf: &Elf<'_>, maps: &[Map], symbol: usize, immediate: i32) -> Target {
    let nothing = Target::Nothing;
    let Some(symbol) = elf.symbols.get(symbol) else {
        return nothing(
            "a relocation refers to a symbol that the object does not contain".to_owned(),
        );
    };
    let Some((index, section)) = symbol
        .section
        .and_then(|index| Some((index, elf.sections.get(index)?)))
    else {
        return nothing(format!("`{}` does not belong to a section", symbol.name));
    };
    // The offset in 64 bits, so that no hostile symbol wraps around.
    let offset = symbol.value.wrapping_add_signed(i64::from(immediate));
    let value = |map| {
        u32::try_from(offset).map_or_else(
            |_| nothing(format!("`{}` is outside of its section", symbol.name)),
            |offset| Target::Value(map, offset.cast_signed()),
        )
    };
    let found = |is_it: &dyn Fn(&Map) -> bool| maps.iter().position(is_it);
    if section.name == ARENA {
        let arena = found(&|map| map.shape.map_type == BPF_MAP_TYPE_ARENA as u32);
        return arena.map_or_else(
            || {
                nothing(format!(
                    "`{}` is in an arena, but the object has no arena map",
                    symbol.name
                ))
            },
            value,
        );
    }
    if let Some(map) = found(&|map| map.section == Some(index) && map.symbol.is_none()) {
        return value(map);
    }
    found(&|map| map.section == Some(index) && map.symbol == Some(offset)).map_or_else(
        || {
            nothing(format!(
                "it refers to the section `{}`, for which loaders create no map",
                section.name
            ))
        },
        Target::Map,
    )
}
