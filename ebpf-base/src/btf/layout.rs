//! The parts of BTF: header, types one after another, strings.

use std::ops::Range;

use super::{Kind, Type};

/// `BTF_MAGIC` of the kernel's btf.h.
const MAGIC: u16 = 0xeb9f;

/// The size of `struct btf_type`, in bytes.
const TYPE_LEN: usize = 12;

/// The order of the bytes in a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The first byte is the least significant one.
    Little,
    /// The first byte is the most significant one.
    Big,
}

impl ByteOrder {
    /// The order of the machine that this was compiled for.
    pub const NATIVE: Self = if cfg!(target_endian = "little") {
        Self::Little
    } else {
        Self::Big
    };

    /// The order in which the magic number that `data` begins with reads as BTF's, which
    /// `.BTF` and `.BTF.ext` share.
    pub fn of_magic(data: &[u8]) -> Option<Self> {
        [Self::Little, Self::Big]
            .into_iter()
            .find(|&order| Words { data, order }.u16(0) == Some(MAGIC))
    }
}

/// Checked reading of numbers from bytes.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The bytes.
    pub data: &'a [u8],
    /// How they make numbers.
    pub order: ByteOrder,
}

impl Words<'_> {
    /// The 16-bit number at an offset in bytes.
    pub fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.data.get(at..)?.first_chunk()?;
        Some(match self.order {
            ByteOrder::Little => u16::from_le_bytes(bytes),
            ByteOrder::Big => u16::from_be_bytes(bytes),
        })
    }

    /// The 32-bit number at an offset in bytes.
    pub fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.data.get(at..)?.first_chunk()?;
        Some(match self.order {
            ByteOrder::Little => u32::from_le_bytes(bytes),
            ByteOrder::Big => u32::from_be_bytes(bytes),
        })
    }
}

/// Where the parts of BTF are in its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Layout {
    /// The byte order of all numbers.
    pub order: ByteOrder,
    /// The types.
    pub types: Range<usize>,
    /// The strings.
    pub strings: Range<usize>,
}

impl Layout {
    /// Reads `struct btf_header`.
    ///
    /// # Errors
    /// What is wrong with it: it is no header of BTF, or its parts are not in `data`.
    pub fn parse(data: &[u8]) -> Result<Self, String> {
        let Some(order) = ByteOrder::of_magic(data) else {
            return Err("its BTF does not begin with BTF's magic number".to_owned());
        };
        let words = Words { data, order };
        let word = |at| words.u32(at).ok_or("its BTF header is truncated");
        let header_len = word(4)? as usize;
        let part = |offset: u32, len: u32, what: &str| {
            header_len
                .checked_add(offset as usize)
                .and_then(|start| Some(start..start.checked_add(len as usize)?))
                .filter(|range| range.end <= data.len())
                .ok_or_else(|| {
                    format!("the BTF header is damaged: the {what} lie outside of the data")
                })
        };
        Ok(Self {
            order,
            types: part(word(8)?, word(12)?, "types")?,
            strings: part(word(16)?, word(20)?, "strings")?,
        })
    }
}

/// How much of a string is read, in bytes: many types may name one long string.
const MAX_STRING: usize = 4096;

/// The bytes of the string at `offset` of a string section, without its NUL: at most
/// the first 4096.
pub fn string_at(strings: &[u8], offset: u32) -> Option<&[u8]> {
    let rest = strings.get(offset as usize..)?;
    let rest = rest.get(..MAX_STRING).unwrap_or(rest);
    rest.split(|&byte| byte == 0).next()
}

/// Whether the string at `offset` of a string section is `name`.
pub(super) fn is_string(strings: &[u8], offset: u32, name: &str) -> bool {
    strings
        .get(offset as usize..)
        .and_then(|rest| rest.strip_prefix(name.as_bytes()))
        .is_some_and(|rest| rest.first() == Some(&0))
}

/// All types in the order of their ids, up to the first that cannot be read.
pub(super) fn types<'a>(
    data: &'a [u8],
    layout: &Layout,
) -> impl Iterator<Item = Result<Type, String>> + use<'a> {
    let words = Words {
        data: data.get(layout.types.clone()).unwrap_or_default(),
        order: layout.order,
    };
    let mut at = 0;
    let mut id = 0_u32;
    std::iter::from_fn(move || {
        if at >= words.data.len() {
            return None;
        }
        id += 1;
        let read = read_type(words, at, id);
        at = read.as_ref().map_or(words.data.len(), |(_, end)| *end);
        Some(read.map(|(found, _)| found))
    })
}

/// The type at an offset of the type section, and where the next one is.
fn read_type(words: Words<'_>, at: usize, id: u32) -> Result<(Type, usize), String> {
    let cut = || format!("BTF type {id} is truncated");
    let name = words.u32(at).ok_or_else(cut)?;
    let info = words.u32(at + 4).ok_or_else(cut)?;
    let size_or_type = words.u32(at + 8).ok_or_else(cut)?;
    let number = info >> 24 & 0x1f;
    let (kind, fixed, each) = (number as usize)
        .checked_sub(1)
        .and_then(|index| Kind::ALL.get(index))
        .copied()
        .ok_or_else(|| format!("BTF type {id} is of the unknown kind {number}"))?;
    let vlen = info as u16;
    let members = at + TYPE_LEN;
    let end = members + fixed + usize::from(vlen) * each;
    if end > words.data.len() {
        return Err(cut());
    }
    let found = Type {
        name,
        kind,
        size_or_type,
        vlen,
        flag: info >> 31 == 1,
        members,
    };
    Ok((found, end))
}
