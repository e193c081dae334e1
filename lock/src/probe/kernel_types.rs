//! The running kernel's own types, from its BTF: which tracepoints it has, and where the
//! fields of its structures are. rustc emits no CO-RE relocations, so that offsets have
//! to be looked up here and handed to the programs.
//!
//! The format is `Documentation/bpf/btf.rst` of the kernel.

use std::{fs, io};

const MAGIC: u16 = 0xeb9f;

/// Kinds of types that are looked at or have something behind their entry: `BTF_KIND_*`
/// of the kernel's `include/uapi/linux/btf.h`.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const ENUM64: u32 = 19;
    /// The newest that is known: a later one could be of any size.
    pub(super) const LAST: u32 = ENUM64;
}

/// The size of `struct btf_type` and of `struct btf_member`, in bytes.
const ENTRY: usize = 12;
const MEMBER: usize = 12;
/// The size of `struct btf_enum`, in bytes.
const ENUMERATOR: usize = 8;

/// All types of a kernel.
#[derive(Debug)]
pub(crate) struct KernelTypes {
    data: Vec<u8>,
    /// Where the strings begin.
    strings: usize,
    /// Where each type is; the type with id 1 comes first.
    types: Vec<usize>,
}

/// `struct btf_type`.
#[derive(Debug, Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    /// How many members and the like there are.
    length: usize,
    /// Whether members tell the size of bit fields.
    flag: bool,
    /// Where members and the like begin.
    rest: usize,
}

impl KernelTypes {
    /// Where the running kernel shows its types.
    pub(crate) const PATH: &str = "/sys/kernel/btf/vmlinux";

    /// Reads the types of the running kernel.
    pub(crate) fn of_running_kernel() -> io::Result<Self> {
        let data = fs::read(Self::PATH)?;
        Self::parse(data).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is not BTF as lock knows it", Self::PATH),
            )
        })
    }

    fn parse(data: Vec<u8>) -> Option<Self> {
        if data.get(..2)? != MAGIC.to_ne_bytes() {
            return None;
        }
        // struct btf_header: magic, version, flags, hdr_len, type_off, type_len,
        // str_off, str_len. Offsets count from the end of the header.
        let field = |at| word(&data, at).map(|value| value as usize);
        let header = field(4)?;
        let begin = header.checked_add(field(8)?)?;
        let end = begin.checked_add(field(12)?)?;
        let strings = header.checked_add(field(16)?)?;
        let mut kernel = Self {
            data,
            strings,
            types: Vec::new(),
        };
        let mut at = begin;
        while at < end {
            kernel.types.push(at);
            at = kernel.entry(at)?.end()?;
        }
        Some(kernel)
    }

    /// Whether there is a typedef of this name.
    pub(crate) fn has_typedef(&self, name: &str) -> bool {
        self.find(kind::TYPEDEF, name).is_some()
    }

    /// How many parameters a function has that a typedef points to.
    pub(crate) fn parameters_of(&self, typedef: &str) -> Option<usize> {
        let pointer = self.target(self.find(kind::TYPEDEF, typedef)?)?;
        let function = self.target(pointer)?;
        (function.kind == kind::FUNC_PROTO).then_some(function.length)
    }

    /// Whether an enumeration has a member of this name.
    pub(crate) fn has_enumerator(&self, name: &str) -> bool {
        self.types
            .iter()
            .filter_map(|&at| self.entry(at))
            .filter(|found| found.kind == kind::ENUM)
            .any(|found| {
                (0..found.length).any(|index| {
                    word(&self.data, found.rest + index * ENUMERATOR)
                        .and_then(|offset| self.string(offset))
                        == Some(name.as_bytes())
                })
            })
    }

    /// The offset of a field in a structure, in bytes, also where the field is in an
    /// anonymous structure or union within it.
    pub(crate) fn offset(&self, structure: &str, field: &str) -> Option<u32> {
        let bits = self.bit_offset(self.find(kind::STRUCT, structure)?, field, 0)?;
        (bits % 8 == 0).then_some(bits / 8)
    }

    fn bit_offset(&self, structure: Type, field: &str, depth: u32) -> Option<u32> {
        // Deeper than any real type: broken data that contains itself.
        const DEPTH: u32 = 16;
        if depth == DEPTH {
            return None;
        }
        (0..structure.length).find_map(|index| {
            let at = structure.rest + index * MEMBER;
            let name = word(&self.data, at)?;
            let id = word(&self.data, at + 4)?;
            let offset = word(&self.data, at + 8)?;
            let offset = if structure.flag {
                offset & 0x00ff_ffff
            } else {
                offset
            };
            if name != 0 {
                return (self.string(name)? == field.as_bytes()).then_some(offset);
            }
            let inner = self.by_id(id)?;
            if !matches!(inner.kind, kind::STRUCT | kind::UNION) {
                return None;
            }
            offset.checked_add(self.bit_offset(inner, field, depth + 1)?)
        })
    }

    fn find(&self, kind: u32, name: &str) -> Option<Type> {
        self.types
            .iter()
            .filter_map(|&at| self.entry(at))
            .find(|found| found.kind == kind && self.string(found.name) == Some(name.as_bytes()))
    }

    /// What a pointer or a typedef leads to.
    fn target(&self, from: Type) -> Option<Type> {
        self.by_id(word(&self.data, from.rest.checked_sub(4)?)?)
    }

    fn by_id(&self, id: u32) -> Option<Type> {
        let index = (id as usize).checked_sub(1)?;
        self.entry(*self.types.get(index)?)
    }

    fn entry(&self, at: usize) -> Option<Type> {
        let info = word(&self.data, at + 4)?;
        Some(Type {
            name: word(&self.data, at)?,
            kind: (info >> 24) & 0x1f,
            length: (info & 0xffff) as usize,
            flag: info >> 31 == 1,
            rest: at + ENTRY,
        })
    }

    fn string(&self, offset: u32) -> Option<&[u8]> {
        let text = self
            .data
            .get(self.strings.checked_add(offset as usize)?..)?;
        text.split(|&byte| byte == 0).next()
    }
}

impl Type {
    /// Where the next type begins.
    fn end(self) -> Option<usize> {
        let rest = match self.kind {
            kind::INT | kind::VAR | kind::DECL_TAG => 4,
            kind::ARRAY => 12,
            kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * self.length,
            kind::ENUM | kind::FUNC_PROTO => 8 * self.length,
            0 => return None,
            known if known <= kind::LAST => 0,
            _ => return None,
        };
        Some(self.rest + rest)
    }
}

fn word(data: &[u8], at: usize) -> Option<u32> {
    let bytes = data.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{KernelTypes, kind};

    /// `struct outer { int; struct { int a; int b; }; int c:3; }` and a typedef of it.
    fn small() -> Vec<u8> {
        let strings = b"\0outer\0a\0b\0c\0alias\0";
        let words: &[u32] = &[
            // 1: int
            0,
            kind::INT << 24,
            4,
            32,
            // 2: anonymous struct { a, b }
            0,
            (kind::STRUCT << 24) | 2,
            8,
            7,
            1,
            0,
            9,
            1,
            32,
            // 3: struct outer, with sizes of bit fields in the offsets
            1,
            (1 << 31) | (kind::STRUCT << 24) | 2,
            16,
            0,
            2,
            64,
            11,
            1,
            (3 << 24) | 129,
            // 4: typedef
            13,
            kind::TYPEDEF << 24,
            3,
        ];
        let types: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut data = 0xeb9f_u16.to_ne_bytes().to_vec();
        data.extend([1, 0]);
        for word in [
            24,
            0,
            types.len() as u32,
            types.len() as u32,
            strings.len() as u32,
        ] {
            data.extend(word.to_ne_bytes());
        }
        data.extend(types);
        data.extend(strings);
        data
    }

    #[test]
    fn fields_are_found_also_in_anonymous_structures() {
        let types = KernelTypes::parse(small()).expect("well-formed");
        assert_eq!(types.offset("outer", "a"), Some(8));
        assert_eq!(types.offset("outer", "b"), Some(12));
        assert_eq!(types.offset("outer", "c"), None, "not on a byte");
        assert_eq!(types.offset("outer", "d"), None);
        assert_eq!(types.offset("alias", "a"), None, "not a struct");
        assert!(types.has_typedef("alias"));
        assert!(!types.has_typedef("outer"));
    }

    #[test]
    fn broken_data_is_refused_or_empty_but_never_a_panic() {
        let whole = small();
        for length in 0..whole.len() {
            if let Some(types) = KernelTypes::parse(whole[..length].to_vec()) {
                types.offset("outer", "b");
            }
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut data = whole.clone();
                data[at] = value;
                if let Some(types) = KernelTypes::parse(data) {
                    types.offset("outer", "b");
                }
            }
        }
    }
}
