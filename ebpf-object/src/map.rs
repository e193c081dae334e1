//! The maps of an object: declared ones, and the sections of global variables, which
//! loaders turn into array maps.

use std::fmt;

use aya_obj::generated::bpf_map_type;
use ebpf_base::btf::{Btf, ByteOrder, Kind, Member, Type, Words};
use ebpf_base::{Error, Result};
use object::elf;
use serde::Serialize;

use super::{Code, Name, elf::Elf};

/// How a map is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Style {
    /// As BTF types in `.maps`: Aya's `#[btf_map]`, libbpf's `SEC(".maps")`.
    Btf,
    /// As `bpf_map_def` in `maps`: Aya's `#[map]`. libbpf 1.0 and newer refuse it.
    Legacy,
    /// A section of global variables.
    Data,
    /// A table of kernel operations in `.struct_ops`.
    StructOps,
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Btf => "BTF",
            Self::Legacy => "legacy",
            Self::Data => "data",
            Self::StructOps => "struct_ops",
        })
    }
}

/// A map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Map {
    /// Its symbol, or the section.
    pub name: Name,
    /// How it is declared.
    pub style: Style,
    /// Its shape; none if the BTF that held it is gone.
    pub definition: Option<Definition>,
    /// The structure of the kernel that a struct_ops map fills.
    #[serde(skip)]
    pub operations: Option<Name>,
}

/// The shape of a map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Definition {
    /// The kind of map, as the kernel calls it in lower case, such as `hash`.
    #[serde(rename = "type")]
    pub map_type: String,
    /// `enum bpf_map_type` of the kernel's bpf.h.
    #[serde(skip)]
    pub type_number: u32,
    /// What more some map types take (`map_extra`); 0 for none.
    #[serde(skip)]
    pub extra: u64,
    /// The size of a key in bytes.
    pub key_size: u32,
    /// The size of a value in bytes.
    pub value_size: u32,
    /// How many entries fit. In a ring buffer: its size in bytes.
    pub max_entries: u32,
    /// `BPF_F_*` of the kernel's bpf.h.
    pub flags: u32,
    /// Whether libbpf and Aya pin it by its name.
    pub pinned: bool,
    /// What its entries take.
    pub memory: Memory,
}

/// What the entries of a map take, without the kernel's own bookkeeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Memory {
    /// Bytes, once or for each possible CPU.
    pub bytes: u64,
    /// Whether each possible CPU has its own copy.
    pub per_cpu: bool,
}

/// More maps than any real object has; keeps the work on a hostile one small.
const MAX_MAPS: usize = 10_000;

/// `BPF_F_RDONLY_PROG` of the kernel's bpf.h: what loaders set for `.rodata`.
pub(crate) const READ_ONLY: u32 = 128;

/// What bpf(2) is asked for to create a map, as the object declares it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Shape {
    /// `enum bpf_map_type` of the kernel's bpf.h.
    pub map_type: u32,
    /// The size of a key in bytes.
    pub key_size: u32,
    /// The size of a value in bytes.
    pub value_size: u32,
    /// How many entries fit.
    pub max_entries: u32,
    /// `BPF_F_*` of the kernel's bpf.h.
    pub flags: u32,
    /// How it is pinned; 0 for not at all.
    pub pinning: u32,
    /// What more some map types take (`map_extra`).
    pub extra: u64,
    /// The type of a key, as an id of the object's BTF; 0 for none.
    pub key_type: u32,
    /// The type of a value, as an id of the object's BTF; 0 for none.
    pub value_type: u32,
    /// The shape of the maps in a map of maps.
    pub inner: Option<Box<Self>>,
}

impl From<Shape> for Definition {
    fn from(raw: Shape) -> Self {
        Self {
            map_type: type_name(raw.map_type),
            type_number: raw.map_type,
            extra: raw.extra,
            key_size: raw.key_size,
            value_size: raw.value_size,
            max_entries: raw.max_entries,
            flags: raw.flags,
            pinned: raw.pinning != 0,
            memory: memory(&raw),
        }
    }
}

/// The kernel's name for a map type, from `enum bpf_map_type` of its bpf.h.
fn type_name(number: u32) -> String {
    match bpf_map_type::try_from(number) {
        Ok(map_type) => format!("{map_type:?}")
            .trim_start_matches("BPF_MAP_TYPE_")
            .trim_end_matches("_DEPRECATED")
            .to_ascii_lowercase(),
        Err(_) => format!("type {number}"),
    }
}

fn memory(raw: &Shape) -> Memory {
    use bpf_map_type as T;
    let (key, entries) = (u64::from(raw.key_size), u64::from(raw.max_entries));
    // The kernel rounds values up to eight bytes.
    let value = u64::from(raw.value_size).next_multiple_of(8);
    let map_type = bpf_map_type::try_from(raw.map_type);
    let bytes = match map_type {
        Ok(T::BPF_MAP_TYPE_RINGBUF | T::BPF_MAP_TYPE_USER_RINGBUF) => entries,
        // Pages of the arena, allocated on demand.
        Ok(T::BPF_MAP_TYPE_ARENA) => entries * 4096,
        Ok(
            T::BPF_MAP_TYPE_ARRAY
            | T::BPF_MAP_TYPE_PERCPU_ARRAY
            | T::BPF_MAP_TYPE_PROG_ARRAY
            | T::BPF_MAP_TYPE_PERF_EVENT_ARRAY
            | T::BPF_MAP_TYPE_CGROUP_ARRAY
            | T::BPF_MAP_TYPE_ARRAY_OF_MAPS
            | T::BPF_MAP_TYPE_DEVMAP
            | T::BPF_MAP_TYPE_CPUMAP
            | T::BPF_MAP_TYPE_XSKMAP
            | T::BPF_MAP_TYPE_SOCKMAP
            | T::BPF_MAP_TYPE_REUSEPORT_SOCKARRAY
            | T::BPF_MAP_TYPE_STACK_TRACE
            | T::BPF_MAP_TYPE_QUEUE
            | T::BPF_MAP_TYPE_STACK
            | T::BPF_MAP_TYPE_BLOOM_FILTER
            | T::BPF_MAP_TYPE_STRUCT_OPS,
        ) => value.saturating_mul(entries),
        _ => (key.next_multiple_of(8) + value).saturating_mul(entries),
    };
    Memory {
        bytes,
        per_cpu: matches!(
            map_type,
            Ok(T::BPF_MAP_TYPE_PERCPU_HASH
                | T::BPF_MAP_TYPE_PERCPU_ARRAY
                | T::BPF_MAP_TYPE_LRU_PERCPU_HASH
                | T::BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE_DEPRECATED)
        ),
    }
}

/// All maps of an object, declared ones first.
pub(super) fn maps(elf: &Elf<'_>, btf: Option<&Btf<'_>>) -> Result<Vec<Map>> {
    let maps: Vec<_> = declared(elf, btf)
        .chain(legacy(elf))
        .chain(struct_ops(btf))
        .chain(data(elf))
        .take(MAX_MAPS + 1)
        .collect();
    if maps.len() > MAX_MAPS {
        return Err(
            Error::new(Code::TooManyMaps, "the object has too many maps")
                .because(format!("more than {MAX_MAPS} were found"))
                .fix("split it into several objects"),
        );
    }
    Ok(maps)
}

/// Maps in `.maps`, in the order of BTF. Without BTF only their names are known.
fn declared(elf: &Elf<'_>, btf: Option<&Btf<'_>>) -> impl Iterator<Item = Map> {
    let map = |name, definition| Map {
        name,
        style: Style::Btf,
        definition,
        operations: None,
    };
    let defined = btf.into_iter().flat_map(move |btf| {
        btf.section(".maps").map(move |variable| {
            let definition = btf
                .resolve(variable.size_or_type)
                .map(|structure| Definition::from(btf_definition(btf, structure)));
            map(Name::from(btf.string(variable.name)), definition)
        })
    });
    let undefined = btf.is_none().then(|| symbols_of(elf, ".maps"));
    defined.chain(
        undefined
            .into_iter()
            .flatten()
            .map(move |(name, _)| map(name, None)),
    )
}

/// Reads a map's structure. libbpf's conventions: numbers are the lengths of arrays
/// that are pointed to (`__uint`) or the members of enumerations (`__ulong`), types are
/// pointers to them (`__type`).
pub(crate) fn btf_definition(btf: &Btf<'_>, structure: Type) -> Shape {
    let (mut shape, values) = without_values(btf, structure);
    let inner = values
        .and_then(|array| btf.array(btf.resolve(array)?))
        .and_then(|array| btf.resolve(array.element))
        .and_then(|pointer| btf.resolve(pointer.size_or_type))
        .filter(|pointee| pointee.kind == Kind::Struct);
    // The kernel knows two levels.
    shape.inner = inner.map(|structure| Box::new(without_values(btf, structure).0));
    shape
}

/// The shape of a map, and the type of its `values`: an array of pointers to maps or
/// programs.
fn without_values(btf: &Btf<'_>, structure: Type) -> (Shape, Option<u32>) {
    let mut values = None;
    let mut raw = Shape::default();
    // No map has more members than this: a hostile structure may have 65535.
    for Member { name, type_id, .. } in btf.members(structure).take(64) {
        let pointee = || {
            let pointer = btf.resolve(type_id)?;
            (pointer.kind == Kind::Ptr).then_some(pointer.size_or_type)
        };
        let long = || match pointee() {
            Some(id) => Some(u64::from(btf.array_len(btf.resolve(id)?)?)),
            None => btf
                .enumerator_values(btf.resolve(type_id)?)
                .next()
                .map(|only| only.value),
        };
        let number = || {
            long()
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or_default()
        };
        let size = || pointee().and_then(|id| btf.size(id)).unwrap_or_default();
        match &*btf.string(name) {
            "type" => raw.map_type = number(),
            "key" => (raw.key_size, raw.key_type) = (size(), pointee().unwrap_or_default()),
            "value" => (raw.value_size, raw.value_type) = (size(), pointee().unwrap_or_default()),
            "key_size" => raw.key_size = number(),
            "value_size" => raw.value_size = number(),
            "max_entries" => raw.max_entries = number(),
            "map_flags" => raw.flags = number(),
            "map_extra" => raw.extra = long().unwrap_or_default(),
            "pinning" => raw.pinning = number(),
            // The maps or programs in a map of maps: what it holds are 4-byte ids.
            "values" => (raw.value_size, values) = (4, Some(type_id)),
            _ => {}
        }
    }
    (raw, values)
}

/// Maps in `maps`: `bpf_map_def` of libbpf before 1.0, as aya-ebpf still writes it.
fn legacy(elf: &Elf<'_>) -> impl Iterator<Item = Map> {
    let data = elf
        .section("maps")
        .map_or(&[][..], |(_, section)| section.data);
    symbols_of(elf, "maps").map(|(name, offset)| {
        let definition = usize::try_from(offset)
            .ok()
            .and_then(|offset| data.get(offset..))
            .and_then(|data| legacy_definition(data, elf.byte_order()));
        Map {
            name,
            style: Style::Legacy,
            definition: definition.map(Definition::from),
            operations: None,
        }
    })
}

pub(crate) fn legacy_definition(data: &[u8], order: ByteOrder) -> Option<Shape> {
    let words = Words { data, order };
    Some(Shape {
        map_type: words.u32(0)?,
        key_size: words.u32(4)?,
        value_size: words.u32(8)?,
        max_entries: words.u32(12)?,
        flags: words.u32(16)?,
        // Behind `id`; C's definition ends before both.
        pinning: words.u32(24).unwrap_or_default(),
        ..Shape::default()
    })
}

/// Names and offsets of the symbols in a section of maps, in its order.
fn symbols_of(elf: &Elf<'_>, section: &str) -> impl Iterator<Item = (Name, u64)> {
    let index = elf.section(section).map(|(index, _)| index);
    let mut symbols: Vec<_> = elf
        .symbols
        .iter()
        .filter(|symbol| index.is_some() && symbol.section == index)
        .filter(|symbol| [elf::STT_OBJECT, elf::STT_NOTYPE].contains(&symbol.kind))
        .map(|symbol| (Name::from(symbol.name.as_ref()), symbol.value))
        .collect();
    symbols.sort_by_key(|(_, value)| *value);
    symbols.into_iter()
}

/// The flags of the map for a section of global variables; none if it is another section.
pub(crate) fn data_flags(section: &str) -> Option<u32> {
    let family = |base: &str| {
        let rest = section.strip_prefix(base);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    [(".rodata", READ_ONLY), (".data", 0), (".bss", 0)]
        .into_iter()
        .find_map(|(base, flags)| family(base).then_some(flags))
}

/// The shape of the map for a section of so many bytes of global variables: an array with
/// one value.
pub(crate) fn data_shape(size: u64) -> Shape {
    Shape {
        map_type: bpf_map_type::BPF_MAP_TYPE_ARRAY as u32,
        key_size: 4,
        value_size: u32::try_from(size).unwrap_or(u32::MAX),
        max_entries: 1,
        ..Shape::default()
    }
}

/// Sections of global variables: one array entry that holds them all.
fn data(elf: &Elf<'_>) -> impl Iterator<Item = Map> {
    elf.sections.iter().filter_map(|section| {
        let flags = data_flags(&section.name)?;
        (section.size > 0).then(|| Map {
            name: Name::from(section.name.as_ref()),
            style: Style::Data,
            operations: None,
            definition: Some(
                Shape {
                    flags,
                    ..data_shape(section.size)
                }
                .into(),
            ),
        })
    })
}

fn struct_ops(btf: Option<&Btf<'_>>) -> impl Iterator<Item = Map> {
    btf.into_iter().flat_map(|btf| {
        [".struct_ops", ".struct_ops.link"]
            .into_iter()
            .flat_map(|section| btf.section(section))
            .map(|variable| Map {
                name: Name::from(btf.string(variable.name)),
                style: Style::StructOps,
                operations: btf
                    .resolve(variable.size_or_type)
                    .map(|structure| Name::from(btf.string(structure.name))),
                definition: Some(
                    Shape {
                        map_type: bpf_map_type::BPF_MAP_TYPE_STRUCT_OPS as u32,
                        key_size: 4,
                        value_size: btf.size(variable.size_or_type).unwrap_or_default(),
                        max_entries: 1,
                        ..Shape::default()
                    }
                    .into(),
                ),
            })
    })
}
