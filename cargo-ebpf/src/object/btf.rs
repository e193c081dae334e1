//! BTF: the kernel's type format, as `.BTF` holds it.
//!
//! Source: the kernel's Documentation/bpf/btf.rst. aya-obj reads BTF too, but keeps
//! names, members and sizes to itself.

use std::borrow::Cow;

use object::{Endian as _, Endianness};

/// `BTF_MAGIC` of the kernel's btf.h.
pub(super) const MAGIC: u16 = 0xeb9f;

/// How many typedefs, qualifiers and arrays may lie around a type: `MAX_RESOLVE_DEPTH`
/// of the kernel's btf.c.
const MAX_DEPTH: usize = 32;

/// How much of a string is read, in bytes: many types may name one long string.
const MAX_STRING: usize = 4096;

/// A kind of type: `BTF_KIND_*` of the kernel's btf.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
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
    pub(crate) fn number(self) -> u32 {
        self as u32 + 1
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
pub(crate) struct Type {
    pub name: u32,
    pub kind: Kind,
    /// The size in bytes, or the type that this one points to or qualifies.
    pub size_or_type: u32,
    vlen: usize,
    /// Where in the type section its members are.
    members: usize,
}

/// A member of a structure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub name: u32,
    pub type_id: u32,
}

/// The types of an object.
#[derive(Debug)]
pub(crate) struct Btf<'a> {
    endian: Endianness,
    types: Vec<Type>,
    type_data: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Btf<'a> {
    /// Reads `.BTF`. The error says what is wrong with it.
    pub(crate) fn parse(data: &'a [u8], endian: Endianness) -> Result<Self, String> {
        let header = Words { data, endian };
        let word = |at| header.u32(at).ok_or("its BTF header is cut short");
        if header.u16(0) != Some(MAGIC) {
            return Err("its BTF does not begin with BTF's magic number".to_owned());
        }
        let header_len = word(4)?;
        let part = |offset: u32, len: u32, what: &str| {
            let start = header_len as usize + offset as usize;
            data.get(start..start + len as usize)
                .ok_or_else(|| format!("the {what} of its BTF lie outside of it"))
        };
        let type_data = part(word(8)?, word(12)?, "types")?;
        let strings = part(word(16)?, word(20)?, "strings")?;

        let words = Words {
            data: type_data,
            endian,
        };
        let mut types = Vec::new();
        let mut at = 0;
        while at < type_data.len() {
            let cut = || format!("BTF type {} is cut short", types.len() + 1);
            let name = words.u32(at).ok_or_else(cut)?;
            let info = words.u32(at + 4).ok_or_else(cut)?;
            let size_or_type = words.u32(at + 8).ok_or_else(cut)?;
            let number = (info >> 24) & 0x1f;
            let (kind, fixed, each) = (number as usize)
                .checked_sub(1)
                .and_then(|index| Kind::ALL.get(index))
                .copied()
                .ok_or_else(|| {
                    format!(
                        "BTF type {} is of the unknown kind {number}",
                        types.len() + 1
                    )
                })?;
            let vlen = (info & 0xffff) as usize;
            let members = at + 12;
            at = members + fixed + vlen * each;
            if at > type_data.len() {
                return Err(cut());
            }
            types.push(Type {
                name,
                kind,
                size_or_type,
                vlen,
                members,
            });
        }
        Ok(Self {
            endian,
            types,
            type_data,
            strings,
        })
    }

    /// All types, in the order of their ids.
    pub(crate) fn types(&self) -> &[Type] {
        &self.types
    }

    /// How many types there are, not counting `void`.
    pub(super) fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether it is a function that the verifier checks apart from its callers
    /// (`BTF_FUNC_GLOBAL`, kept where other types have the number of members).
    pub(crate) fn is_global_function(found: &Type) -> bool {
        found.kind == Kind::Func && found.vlen == 1
    }

    /// The string at `offset` of the string section; empty where there is none.
    pub(crate) fn string(&self, offset: u32) -> Cow<'a, str> {
        let rest = self.strings.get(offset as usize..).unwrap_or_default();
        let rest = rest.get(..MAX_STRING).unwrap_or(rest);
        let end = rest
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(rest.len());
        String::from_utf8_lossy(rest.get(..end).unwrap_or_default())
    }

    /// The type with that id.
    pub(crate) fn get(&self, id: u32) -> Option<Type> {
        self.types.get((id as usize).checked_sub(1)?).copied()
    }

    /// The type behind typedefs and qualifiers.
    pub(crate) fn resolve(&self, mut id: u32) -> Option<Type> {
        for _ in 0..MAX_DEPTH {
            let found = self.get(id)?;
            match found.kind {
                Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => {
                    id = found.size_or_type;
                }
                _ => return Some(found),
            }
        }
        None
    }

    /// The size of a type in bytes.
    pub(super) fn size(&self, id: u32) -> Option<u32> {
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
    pub(super) fn array_len(&self, array: Type) -> Option<u32> {
        (array.kind == Kind::Array)
            .then(|| self.words().u32(array.members + 8))
            .flatten()
    }

    /// The members of a structure.
    pub(super) fn members(&self, structure: Type) -> impl Iterator<Item = Member> {
        let words = self.words();
        let count = match structure.kind {
            Kind::Struct | Kind::Union => structure.vlen,
            _ => 0,
        };
        (0..count).filter_map(move |index| {
            let at = structure.members + index * 12;
            Some(Member {
                name: words.u32(at)?,
                type_id: words.u32(at + 4)?,
            })
        })
    }

    /// The names of an enumeration's members, as strings of this BTF.
    pub(crate) fn enumerators(&self, found: Type) -> impl Iterator<Item = u32> {
        let words = self.words();
        let (count, each) = match found.kind {
            Kind::Enum => (found.vlen, 8),
            Kind::Enum64 => (found.vlen, 12),
            _ => (0, 0),
        };
        (0..count).filter_map(move |index| words.u32(found.members + index * each))
    }

    /// The variables and functions that BTF lists for a section, by their own types.
    pub(crate) fn section(&self, name: &str) -> impl Iterator<Item = Type> {
        let words = self.words();
        self.types
            .iter()
            .filter(move |section| {
                section.kind == Kind::DataSec && self.string(section.name) == name
            })
            .flat_map(move |section| {
                (0..section.vlen)
                    .filter_map(move |index| self.get(words.u32(section.members + index * 12)?))
            })
    }

    fn words(&self) -> Words<'a> {
        Words {
            data: self.type_data,
            endian: self.endian,
        }
    }
}

/// Checked reading of words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    pub data: &'a [u8],
    pub endian: Endianness,
}

impl Words<'_> {
    pub(super) fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.data.get(at..)?.first_chunk()?;
        Some(self.endian.read_u16(*bytes))
    }

    pub(super) fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.data.get(at..)?.first_chunk()?;
        Some(self.endian.read_u32(*bytes))
    }
}
