//! An object's BTF as a kernel accepts it: what compilers leave open is filled in, and
//! what this kernel does not know is replaced. Follows libbpf's
//! `bpf_object__sanitize_btf` and `btf_fixup_datasec`.

use std::collections::{HashMap, HashSet};

use ebpf_base::btf::{ByteOrder, Kind, Layout, Words, string_at};
use object::elf::STB_LOCAL;

use super::externs::{Extern, ExternKind, SETTINGS, SYMBOLS};
use crate::elf::Elf;

/// Which parts of BTF a kernel knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a feature of its own"
)]
#[expect(missing_docs, reason = "each is BTF_KIND_* of its name")]
pub struct Features {
    pub func: bool,
    /// Whether functions may be global.
    pub global_func: bool,
    pub datasec: bool,
    /// Whether a data section may be empty.
    pub empty_datasec: bool,
    pub float: bool,
    pub decl_tag: bool,
    pub type_tag: bool,
    pub enum64: bool,
}

/// The types of an object, to be changed.
#[derive(Debug, Clone)]
pub struct Types {
    types: Vec<RawType>,
    strings: Vec<u8>,
}

/// `struct btf_type` with what follows it.
#[derive(Debug, Clone)]
struct RawType {
    name: u32,
    kind: Kind,
    flag: bool,
    vlen: u16,
    size_or_type: u32,
    rest: Vec<u32>,
}

/// Linkages of functions and variables (`BTF_FUNC_*`, `BTF_VAR_*` of the kernel's btf.h).
const STATIC: u16 = 0;
const GLOBAL: u16 = 1;
const EXTERN: u16 = 2;

/// Functions that compilers insert. As global ones they would be verified apart from
/// their callers, which then lose what is known of the memory.
const BUILT_IN: [&[u8]; 4] = [b"memset", b"memcpy", b"memmove", b"memcmp"];

impl RawType {
    fn new(name: u32, kind: Kind, size_or_type: u32, rest: Vec<u32>) -> Self {
        Self {
            name,
            kind,
            flag: false,
            vlen: 0,
            size_or_type,
            rest,
        }
    }

    /// Replaces it with an integer of one byte.
    fn become_byte(&mut self) {
        *self = Self::new(self.name, Kind::Int, 1, vec![8]);
    }

    /// The words of each entry that follow it.
    fn entries(&mut self, words: usize) -> impl Iterator<Item = &mut [u32]> {
        self.rest.chunks_exact_mut(words)
    }
}

impl Types {
    /// Reads the BTF of an object; none if it has none that can be read.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        let layout = Layout::parse(data).ok()?;
        let words = Words {
            data: data.get(layout.types.clone())?,
            order: ByteOrder::NATIVE,
        };
        let mut types = Vec::new();
        let mut at = 0;
        while at < words.data.len() {
            let info = words.u32(at + 4)?;
            let kind = Kind::of_number(info >> 24 & 0x1f)?;
            let vlen = info as u16;
            let count = kind.following(vlen) / 4;
            let rest = (0..count)
                .map(|index| words.u32(at + 12 + index * 4))
                .collect::<Option<Vec<_>>>()?;
            types.push(RawType {
                name: words.u32(at)?,
                kind,
                flag: info >> 31 == 1,
                vlen,
                size_or_type: words.u32(at + 8)?,
                rest,
            });
            at += 12 + count * 4;
        }
        Some(Self {
            types,
            strings: data.get(layout.strings)?.to_vec(),
        })
    }

    /// The bytes that a kernel is given.
    pub fn to_bytes(&self) -> Vec<u8> {
        let types: Vec<u8> = self
            .types
            .iter()
            .flat_map(|found| {
                let info =
                    u32::from(found.flag) << 31 | found.kind.number() << 24 | u32::from(found.vlen);
                [found.name, info, found.size_or_type]
                    .into_iter()
                    .chain(found.rest.iter().copied())
            })
            .flat_map(u32::to_ne_bytes)
            .collect();
        // struct btf_header: magic, version, flags, header length, then both parts.
        const HEADER: u32 = 24;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut bytes = 0xeb9f_u16.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for word in [
            HEADER,
            0,
            length(&types),
            length(&types),
            length(&self.strings),
        ] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(types);
        bytes.extend(&self.strings);
        bytes
    }

    fn name(&self, offset: u32) -> &[u8] {
        string_at(&self.strings, offset).unwrap_or_default()
    }

    fn add_string(&mut self, text: &[u8]) -> u32 {
        let offset = u32::try_from(self.strings.len()).unwrap_or_default();
        self.strings.extend(text);
        self.strings.push(0);
        offset
    }

    fn get(&self, id: u32) -> Option<&RawType> {
        self.types.get((id as usize).checked_sub(1)?)
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut RawType> {
        self.types.get_mut((id as usize).checked_sub(1)?)
    }

    /// Adds a type, and returns its id.
    fn add(&mut self, added: RawType) -> u32 {
        self.types.push(added);
        u32::try_from(self.types.len()).unwrap_or_default()
    }

    /// The id of an integer of four bytes.
    fn int(&mut self) -> u32 {
        let is_int = |found: &RawType| {
            found.kind == Kind::Int && found.size_or_type == 4 && found.rest == [1 << 24 | 32]
        };
        match self.types.iter().position(is_int) {
            Some(position) => u32::try_from(position + 1).unwrap_or_default(),
            None => {
                let name = self.add_string(b"int");
                self.add(RawType::new(name, Kind::Int, 4, vec![1 << 24 | 32]))
            }
        }
    }

    /// Fills in what compilers leave to the loader: where variables are, and what the
    /// kernel refuses of externs and of Rust.
    pub(super) fn complete(&mut self, elf: &Elf<'_>, externs: &[Extern]) {
        let hidden: HashSet<&[u8]> = elf
            .symbols
            .iter()
            .filter(|symbol| symbol.hidden && symbol.bind != STB_LOCAL)
            .map(|symbol| symbol.name.as_bytes())
            .collect();
        let symbols: HashMap<&[u8], u64> = elf
            .symbols
            .iter()
            .filter(|symbol| !symbol.undefined)
            .map(|symbol| (symbol.name.as_bytes(), symbol.value))
            .collect();
        for index in 0..self.types.len() {
            let found = &self.types[index];
            let name = self.name(found.name).to_vec();
            match found.kind {
                // rustc names pointers, which the kernel refuses.
                Kind::Ptr => self.types[index].name = 0,
                Kind::FuncProto => self.name_parameters(index),
                Kind::Func if hidden.contains(&*name) || BUILT_IN.contains(&&*name) => {
                    self.types[index].vlen = STATIC;
                }
                Kind::Var if hidden.contains(&*name) => {
                    self.types[index].rest = vec![u32::from(STATIC)];
                }
                // What no loader finds: the kernel does not take it as such.
                Kind::Func if found.vlen == EXTERN => self.types[index].vlen = GLOBAL,
                Kind::Var if found.rest == [u32::from(EXTERN)] => {
                    self.types[index].rest = vec![u32::from(GLOBAL)];
                }
                Kind::DataSec => self.section(index, &name, elf, &symbols, externs),
                _ => {}
            }
        }
    }

    /// Names parameters without a name, as of functions of bpf-linker.
    fn name_parameters(&mut self, index: usize) {
        for at in 0..usize::from(self.types[index].vlen) {
            let parameter = self.types[index].rest.get(at * 2..at * 2 + 2);
            // One without a type stands for variable arguments.
            if parameter.is_some_and(|both| both[0] == 0 && both[1] != 0) {
                let name = self.add_string(format!("param{at}").as_bytes());
                self.types[index].rest[at * 2] = name;
            }
        }
    }

    /// Completes a data section: the places of its variables, in their order.
    fn section(
        &mut self,
        index: usize,
        name: &[u8],
        elf: &Elf<'_>,
        symbols: &HashMap<&[u8], u64>,
        externs: &[Extern],
    ) {
        let mut entries: Vec<[u32; 3]> = self.types[index]
            .entries(3)
            .map(|entry| [entry[0], entry[1], entry[2]])
            .collect();
        let mut size = self.types[index].size_or_type;
        if name == SETTINGS.as_bytes() {
            size = self.settings(&mut entries, externs);
        } else if name == SYMBOLS.as_bytes() {
            size = self.kernel_symbols(&mut entries);
        } else if size == 0 {
            let section = elf.sections.iter();
            size = section
                .filter(|section| section.name.as_bytes() == name)
                .map(|section| u32::try_from(section.size).unwrap_or(u32::MAX))
                .next()
                .unwrap_or_default();
            for [variable, offset, _] in &mut entries {
                let global = self.get(*variable).filter(|found| found.rest != [0]);
                let symbol = global.and_then(|found| symbols.get(self.name(found.name)));
                if let Some(place) = symbol {
                    *offset = u32::try_from(*place).unwrap_or(u32::MAX);
                }
            }
        }
        entries.sort_by_key(|[_, offset, _]| *offset);
        // Names of sections may have what names of types may not.
        if name.iter().any(|byte| b"/?".contains(byte)) {
            let fixed: Vec<u8> = name
                .iter()
                .map(|&byte| match byte {
                    b'/' => b'.',
                    b'?' => b'_',
                    other => other,
                })
                .collect();
            self.types[index].name = self.add_string(&fixed);
        }
        self.types[index].size_or_type = size;
        self.types[index].rest = entries.into_iter().flatten().collect();
    }

    /// Places the settings. Returns their size.
    fn settings(&mut self, entries: &mut [[u32; 3]], externs: &[Extern]) -> u32 {
        let mut end = 0;
        for [variable, offset, size] in entries {
            let Some(found) = self.get(*variable) else {
                continue;
            };
            let name = self.name(found.name).to_vec();
            let place = externs.iter().find_map(|known| match known.kind {
                ExternKind::Setting { offset, size, .. } if known.name.as_bytes() == name => {
                    Some((offset, size))
                }
                _ => None,
            });
            if let Some(place) = place {
                (*offset, *size) = place;
            }
            end = end.max(offset.saturating_add(*size));
            if let Some(variable) = self.get_mut(*variable) {
                variable.rest = vec![u32::from(GLOBAL)];
            }
        }
        end
    }

    /// Makes integers of the kernel's functions and variables, which a kernel does not
    /// accept as such in an object's BTF. Returns the size of all.
    fn kernel_symbols(&mut self, entries: &mut [[u32; 3]]) -> u32 {
        let int = self.int();
        let mut stand_in = None;
        let mut end = 0;
        for [symbol, offset, size] in entries {
            let Some(found) = self.get_mut(*symbol) else {
                continue;
            };
            if found.kind == Kind::Func {
                found.vlen = GLOBAL;
                *symbol = *stand_in.get_or_insert_with(|| {
                    let name = self.add_string(b"dummy_ksym");
                    self.add(RawType::new(name, Kind::Var, int, vec![u32::from(GLOBAL)]))
                });
            } else {
                found.rest = vec![u32::from(GLOBAL)];
                found.size_or_type = int;
            }
            (*offset, *size) = (end, 4);
            end += 4;
        }
        end
    }

    /// Replaces what a kernel does not know.
    pub fn fit(&mut self, features: Features) {
        let mut filler = None;
        let mut placeholder = None;
        for index in 0..self.types.len() {
            let found = &mut self.types[index];
            match found.kind {
                Kind::Var | Kind::DeclTag
                    if found.kind == Kind::Var && !features.datasec
                        || found.kind == Kind::DeclTag && !features.decl_tag =>
                {
                    found.become_byte();
                }
                Kind::DataSec if !features.datasec => self.section_as_structure(index),
                Kind::DataSec if found.vlen == 0 && !features.empty_datasec => {
                    let size = found.size_or_type.max(1);
                    let variable = *filler.get_or_insert_with(|| self.filler());
                    let found = &mut self.types[index];
                    (found.size_or_type, found.vlen) = (size, 1);
                    found.rest = vec![variable, 0, size];
                }
                // The entries of both have two words.
                Kind::FuncProto if !features.func => {
                    (found.kind, found.size_or_type) = (Kind::Enum, 4);
                }
                Kind::Func if !features.func => {
                    (found.kind, found.vlen) = (Kind::Typedef, 0);
                }
                Kind::Func if !features.global_func => found.vlen = STATIC,
                Kind::Float if !features.float => {
                    (found.kind, found.name) = (Kind::Struct, 0);
                }
                Kind::TypeTag if !features.type_tag => {
                    (found.kind, found.name) = (Kind::Const, 0);
                }
                Kind::Enum if !features.enum64 => found.flag = false,
                // The entries of both have three words.
                Kind::Enum64 if !features.enum64 => {
                    let int = *placeholder.get_or_insert_with(|| {
                        let name = self.add_string(b"enum64_placeholder");
                        self.add(RawType::new(name, Kind::Int, 1, vec![8]))
                    });
                    let found = &mut self.types[index];
                    (found.kind, found.flag) = (Kind::Union, false);
                    for entry in found.entries(3) {
                        (entry[1], entry[2]) = (int, 0);
                    }
                }
                _ => {}
            }
        }
    }

    /// A variable for data sections that may not be empty.
    fn filler(&mut self) -> u32 {
        let name = self.add_string(b"filler");
        let byte = self.add(RawType::new(name, Kind::Int, 1, vec![8]));
        self.add(RawType::new(name, Kind::Var, byte, vec![u32::from(STATIC)]))
    }

    fn section_as_structure(&mut self, index: usize) {
        let name: Vec<u8> = self
            .name(self.types[index].name)
            .iter()
            .map(|&byte| if byte == b'.' { b'_' } else { byte })
            .collect();
        let mut members = Vec::with_capacity(self.types[index].rest.len());
        for entry in self.types[index].rest.chunks_exact(3) {
            let name = self.get(entry[0]).map_or(0, |variable| variable.name);
            members.extend([name, entry[0], entry[1].saturating_mul(8)]);
        }
        let name = self.add_string(&name);
        let found = &mut self.types[index];
        (found.kind, found.name, found.rest) = (Kind::Struct, name, members);
    }
}
