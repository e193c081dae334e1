//! A reader for BTF, the kernel's type format: of objects (`.BTF`) and of kernels
//! (`/sys/kernel/btf/vmlinux`), in either byte order. Whatever the bytes are, reading
//! them ends in a result, within memory proportional to their length.
//!
//! Source: the kernel's Documentation/bpf/btf.rst.

mod layout;

use std::borrow::Cow;

pub use self::layout::{ByteOrder, Layout, Words, string_at};
use self::layout::{is_string, types};

/// Where a kernel shows its own BTF.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// How many typedefs, qualifiers and arrays may lie around a type: `MAX_RESOLVE_DEPTH`
/// of the kernel's btf.c.
const MAX_DEPTH: usize = 32;

/// How many members are looked at to find a field: a structure that contains itself
/// has no end. The largest structures of kernels have some thousands.
const MAX_MEMBERS: usize = 1 << 16;

/// The size of `struct btf_member` and of `struct btf_var_secinfo`, in bytes.
const MEMBER_LEN: usize = 12;

/// A kind of type: `BTF_KIND_*` of the kernel's btf.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
#[expect(missing_docs, reason = "each is BTF_KIND_* of its name")]
pub enum Kind {
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Var,
    DataSec,
    Float,
    DeclTag,
    TypeTag,
    Enum64,
}

impl Kind {
    /// `BTF_KIND_*`.
    pub fn number(self) -> u32 {
        self as u32 + 1
    }

    /// The kind with that number.
    pub fn of_number(number: u32) -> Option<Self> {
        let index = (number as usize).checked_sub(1)?;
        Self::ALL.get(index).map(|(kind, ..)| *kind)
    }

    /// How many bytes follow a type of this kind with that many members.
    pub fn following(self, vlen: u16) -> usize {
        let (_, fixed, each) = Self::ALL[self as usize];
        fixed + usize::from(vlen) * each
    }

    /// By number, from 1, with the bytes that follow the type: how many always, and
    /// how many for each of its `vlen` members.
    const ALL: [(Self, usize, usize); 19] = [
        (Self::Int, 4, 0),
        (Self::Ptr, 0, 0),
        (Self::Array, 12, 0),
        (Self::Struct, 0, 12),
        (Self::Union, 0, 12),
        (Self::Enum, 0, 8),
        (Self::Fwd, 0, 0),
        (Self::Typedef, 0, 0),
        (Self::Volatile, 0, 0),
        (Self::Const, 0, 0),
        (Self::Restrict, 0, 0),
        (Self::Func, 0, 0),
        (Self::FuncProto, 0, 8),
        (Self::Var, 4, 0),
        (Self::DataSec, 0, 12),
        (Self::Float, 0, 0),
        (Self::DeclTag, 4, 0),
        (Self::TypeTag, 0, 0),
        (Self::Enum64, 0, 12),
    ];
}

/// A type.
#[derive(Debug, Clone, Copy)]
pub struct Type {
    /// The name, as a string of this BTF.
    pub name: u32,
    /// What kind of type it is.
    pub kind: Kind,
    /// The size in bytes, or the type that this one points to or qualifies.
    pub size_or_type: u32,
    /// How many members, parameters or the like there are; of a function its linkage.
    pub vlen: u16,
    /// Whether the offsets of members include the size of bit fields, and whether a
    /// forward declaration is of a union.
    pub flag: bool,
    /// Where in the type section its members are.
    members: usize,
}

/// A member of a structure or union.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Member {
    /// The name, as a string of the BTF; 0 if it has none.
    pub name: u32,
    /// The id of its type.
    pub type_id: u32,
    /// Where it begins in the structure, in bits.
    pub bit_offset: u32,
    /// The size of a bit field in bits; 0 for other members.
    pub bits: u32,
}

/// An array type.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Array {
    /// The id of the type of its elements.
    pub element: u32,
    /// How many there are; 0 for a flexible array.
    pub len: u32,
}

/// An integer type.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Int {
    /// Whether it has a sign.
    pub signed: bool,
    /// Whether it is a boolean.
    pub boolean: bool,
    /// Where its bits begin: only old bit fields begin elsewhere than at 0.
    pub bit_offset: u32,
}

/// A parameter of a function type.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Parameter {
    /// The name, as a string of the BTF; 0 if it has none.
    pub name: u32,
    /// The id of its type; 0 for variable arguments.
    pub type_id: u32,
}

/// A member of an enumeration.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Enumerator {
    /// The name, as a string of the BTF.
    pub name: u32,
    /// The value, with its sign extended to 64 bits where the enumeration has one.
    pub value: u64,
}

/// What a data section lists.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SectionEntry {
    /// The id of a variable or, for kernel functions, of a function.
    pub type_id: u32,
    /// Where it begins in the section, in bytes.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
}

/// The types of an object or of a kernel.
///
/// Ids count from 1; 0 is `void`.
#[derive(Debug, Clone)]
pub struct Btf<'data> {
    data: Cow<'data, [u8]>,
    layout: Layout,
    types: Vec<Type>,
}

impl<'data> Btf<'data> {
    /// Reads BTF, borrowed or owned.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(data: impl Into<Cow<'data, [u8]>>) -> Result<Self, String> {
        let data = data.into();
        let layout = Layout::parse(&data)?;
        let types = types(&data, &layout).collect::<Result<_, _>>()?;
        Ok(Self {
            data,
            layout,
            types,
        })
    }

    /// All types, in the order of their ids.
    pub fn types(&self) -> &[Type] {
        &self.types
    }

    /// How many types there are, not counting `void`.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there is no type but `void`.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The first type of this kind and name.
    pub fn find(&self, kind: Kind, name: &str) -> Option<Type> {
        self.get(self.id_of(kind, name)?)
    }

    /// The id of the first type of this kind and name; see [`find_id`] for BTF that is not
    /// parsed.
    pub fn id_of(&self, kind: Kind, name: &str) -> Option<u32> {
        let strings = self.strings();
        let index = self
            .types
            .iter()
            .position(|found| found.kind == kind && is_string(strings, found.name, name))?;
        u32::try_from(index + 1).ok()
    }

    /// Whether it is a function that the verifier checks apart from its callers
    /// (`BTF_FUNC_GLOBAL`, kept where other types have the number of members).
    pub fn is_global_function(found: &Type) -> bool {
        found.kind == Kind::Func && found.vlen == 1
    }

    /// The string at `offset` of the string section; empty where there is none, cut
    /// after 4096 bytes.
    pub fn string(&self, offset: u32) -> Cow<'_, str> {
        let text = string_at(self.strings(), offset).unwrap_or_default();
        String::from_utf8_lossy(text)
    }

    /// The bytes of the string at `offset`, as [`Btf::string`].
    pub fn name(&self, offset: u32) -> &[u8] {
        string_at(self.strings(), offset).unwrap_or_default()
    }

    /// The type with that id.
    pub fn get(&self, id: u32) -> Option<Type> {
        self.types.get((id as usize).checked_sub(1)?).copied()
    }

    /// The type behind typedefs and qualifiers.
    pub fn resolve(&self, mut id: u32) -> Option<Type> {
        for _ in 0..MAX_DEPTH {
            let found = self.get(id)?;
            if !is_qualifier(found.kind) {
                return Some(found);
            }
            id = found.size_or_type;
        }
        None
    }

    /// The id of the type behind typedefs and qualifiers; 0 for `void`.
    pub fn resolve_id(&self, mut id: u32) -> Option<u32> {
        for _ in 0..MAX_DEPTH {
            match self.get(id) {
                None => return (id == 0).then_some(0),
                Some(found) if is_qualifier(found.kind) => id = found.size_or_type,
                Some(_) => return Some(id),
            }
        }
        None
    }

    /// The size of a type in bytes.
    pub fn size(&self, id: u32) -> Option<u32> {
        let (mut id, mut times) = (id, 1_u32);
        for _ in 0..MAX_DEPTH {
            let found = self.resolve(id)?;
            match found.kind {
                Kind::Ptr => return times.checked_mul(8),
                Kind::Array => {
                    times = times.checked_mul(self.array_len(found)?)?;
                    id = self.words().u32(found.members)?;
                }
                Kind::Var => id = found.size_or_type,
                Kind::Func | Kind::FuncProto | Kind::Fwd | Kind::DeclTag => return None,
                _ => return times.checked_mul(found.size_or_type),
            }
        }
        None
    }

    /// The number of elements of an array type.
    pub fn array_len(&self, array: Type) -> Option<u32> {
        Some(self.array(array)?.len)
    }

    /// What an array type is an array of.
    pub fn array(&self, array: Type) -> Option<Array> {
        if array.kind != Kind::Array {
            return None;
        }
        Some(Array {
            element: self.words().u32(array.members)?,
            len: self.words().u32(array.members + 8)?,
        })
    }

    /// The properties of an integer type.
    pub fn int(&self, int: Type) -> Option<Int> {
        if int.kind != Kind::Int {
            return None;
        }
        // BTF_INT_ENCODING and BTF_INT_OFFSET of the kernel's btf.h.
        let data = self.words().u32(int.members)?;
        Some(Int {
            signed: data >> 24 & 1 != 0,
            boolean: data >> 24 & 4 != 0,
            bit_offset: data >> 16 & 0xff,
        })
    }

    /// The members of a structure or union.
    pub fn members(&self, structure: Type) -> impl Iterator<Item = Member> {
        let words = self.words();
        let count = match structure.kind {
            Kind::Struct | Kind::Union => usize::from(structure.vlen),
            _ => 0,
        };
        (0..count).filter_map(move |index| {
            let at = structure.members + index * MEMBER_LEN;
            let offset = words.u32(at + 8)?;
            Some(Member {
                name: words.u32(at)?,
                type_id: words.u32(at + 4)?,
                // BTF_MEMBER_BIT_OFFSET of the kernel's btf.h.
                bit_offset: if structure.flag {
                    offset & 0x00ff_ffff
                } else {
                    offset
                },
                bits: if structure.flag { offset >> 24 } else { 0 },
            })
        })
    }

    /// The offset of a field in a structure in bytes, also where the field is in an
    /// anonymous structure or union within it. `None` for a field that does not begin
    /// at a byte.
    pub fn field_offset(&self, structure: &str, field: &str) -> Option<u32> {
        let mut structures = vec![(self.find(Kind::Struct, structure)?, 0_u32)];
        let mut left = MAX_MEMBERS;
        while let Some((structure, start)) = structures.pop() {
            for member in self.members(structure) {
                left = left.checked_sub(1)?;
                let offset = start.checked_add(member.bit_offset)?;
                if member.name == 0 {
                    structures.extend(self.get(member.type_id).map(|inner| (inner, offset)));
                } else if is_string(self.strings(), member.name, field) {
                    return (offset % 8 == 0).then_some(offset / 8);
                }
            }
        }
        None
    }

    /// How many parameters a function type has; also through typedefs and a pointer,
    /// as of `btf_trace_contention_begin`.
    pub fn parameters(&self, function: Type) -> Option<usize> {
        let mut function = function;
        for _ in 0..MAX_DEPTH {
            function = match function.kind {
                Kind::FuncProto => return Some(usize::from(function.vlen)),
                Kind::Func | Kind::Ptr | Kind::Typedef => self.get(function.size_or_type)?,
                _ => return None,
            };
        }
        None
    }

    /// Whether an enumeration has a member of this name.
    pub fn has_enumerator(&self, name: &str) -> bool {
        let strings = self.strings();
        self.types.iter().any(|found| {
            self.enumerators(*found)
                .any(|member| is_string(strings, member, name))
        })
    }

    /// The names of an enumeration's members, as strings of this BTF.
    pub fn enumerators(&self, found: Type) -> impl Iterator<Item = u32> {
        let words = self.words();
        let (count, each) = match found.kind {
            Kind::Enum => (usize::from(found.vlen), 8),
            Kind::Enum64 => (usize::from(found.vlen), 12),
            _ => (0, 0),
        };
        (0..count).filter_map(move |index| words.u32(found.members + index * each))
    }

    /// The members of an enumeration.
    pub fn enumerator_values(&self, found: Type) -> impl Iterator<Item = Enumerator> {
        let words = self.words();
        let (count, each) = match found.kind {
            Kind::Enum => (usize::from(found.vlen), 8),
            Kind::Enum64 => (usize::from(found.vlen), 12),
            _ => (0, 0),
        };
        (0..count).filter_map(move |index| {
            let at = found.members + index * each;
            let low = words.u32(at + 4)?;
            let value = match found.kind {
                Kind::Enum64 => u64::from(words.u32(at + 8)?) << 32 | u64::from(low),
                _ if found.flag => i64::from(low.cast_signed()).cast_unsigned(),
                _ => u64::from(low),
            };
            Some(Enumerator {
                name: words.u32(at)?,
                value,
            })
        })
    }

    /// The parameters of a function prototype.
    pub fn prototype(&self, found: Type) -> impl Iterator<Item = Parameter> {
        let words = self.words();
        let count = match found.kind {
            Kind::FuncProto => usize::from(found.vlen),
            _ => 0,
        };
        (0..count).filter_map(move |index| {
            let at = found.members + index * 8;
            Some(Parameter {
                name: words.u32(at)?,
                type_id: words.u32(at + 4)?,
            })
        })
    }

    /// The variables and functions that BTF lists for a section, by their own types.
    pub fn section<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Type> + 'a {
        self.section_entries(name)
            .filter_map(|entry| self.get(entry.type_id))
    }

    /// What BTF lists for a section.
    pub fn section_entries<'a>(&'a self, name: &str) -> impl Iterator<Item = SectionEntry> + 'a {
        let words = self.words();
        let sections = self.types.iter().filter(|section| {
            section.kind == Kind::DataSec && is_string(self.strings(), section.name, name)
        });
        let sections: Vec<_> = sections.copied().collect();
        sections.into_iter().flat_map(move |section| {
            (0..usize::from(section.vlen)).filter_map(move |index| {
                let at = section.members + index * MEMBER_LEN;
                Some(SectionEntry {
                    type_id: words.u32(at)?,
                    offset: words.u32(at + 4)?,
                    size: words.u32(at + 8)?,
                })
            })
        })
    }

    fn strings(&self) -> &[u8] {
        self.data
            .get(self.layout.strings.clone())
            .unwrap_or_default()
    }

    fn words(&self) -> Words<'_> {
        Words {
            data: self.data.get(self.layout.types.clone()).unwrap_or_default(),
            order: self.layout.order,
        }
    }
}

/// Whether a type only gives another one a name or a property.
fn is_qualifier(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag
    )
}

/// The id of the first type of this kind and name. One pass that builds nothing: a
/// kernel has more than a hundred thousand types.
///
/// `None` if there is none, or the BTF before it cannot be read.
pub fn find_id(data: &[u8], kind: Kind, name: &str) -> Option<u32> {
    let layout = Layout::parse(data).ok()?;
    let strings = data.get(layout.strings.clone())?;
    let index = types(data, &layout)
        .map_while(Result::ok)
        .position(|found| found.kind == kind && is_string(strings, found.name, name))?;
    u32::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests;
