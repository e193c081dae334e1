//! Finds one type in the kernel's BTF by name. A single pass over some MiB without
//! building anything: parsing all of it takes a hundred times as long.
//! Format: <https://docs.kernel.org/bpf/btf.html>.

/// Kinds of types that a program can be attached to (BTF_KIND_TYPEDEF, BTF_KIND_FUNC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Typedef = 8,
    Function = 12,
}

const MAGIC: u16 = 0xeb9f;
/// struct btf_type: name offset, info, size or type.
const TYPE_LENGTH: usize = 12;

/// The id of the type `name` of kind `kind`, `None` if there is no such type or the
/// BTF cannot be read.
pub(super) fn find(btf: &[u8], kind: Kind, name: &str) -> Option<u32> {
    if u16::from_ne_bytes(btf.get(..2)?.try_into().ok()?) != MAGIC {
        return None;
    }
    let header_length = word(btf, 4)?;
    let section = |offset: usize, length: usize| {
        let start = header_length.checked_add(word(btf, offset)?)?;
        btf.get(start..start.checked_add(word(btf, length)?)?)
    };
    let mut types = section(8, 12)?;
    let strings = section(16, 20)?;

    let mut id = 0;
    while !types.is_empty() {
        id += 1; // Type 0 is void and not written down.
        let info = word(types, 4)?;
        let this = info >> 24 & 0x1f;
        if this == kind as usize && has_name(strings, word(types, 0)?, name) {
            return Some(id);
        }
        types = types.get(TYPE_LENGTH + data_length(this, info & 0xffff)?..)?;
    }
    None
}

/// How many bytes follow a type of this kind with `count` members.
fn data_length(kind: usize, count: usize) -> Option<usize> {
    Some(match kind {
        1 | 14 | 17 => 4,              // INT, VAR, DECL_TAG
        3 => 12,                       // ARRAY
        4 | 5 | 15 | 19 => count * 12, // STRUCT, UNION, DATASEC, ENUM64
        6 | 13 => count * 8,           // ENUM, FUNC_PROTO
        2 | 7..=12 | 16 | 18 => 0,     // PTR, FWD, TYPEDEF, modifiers, FUNC, FLOAT, TYPE_TAG
        _ => return None,
    })
}

fn has_name(strings: &[u8], offset: usize, name: &str) -> bool {
    strings
        .get(offset..)
        .and_then(|rest| rest.strip_prefix(name.as_bytes()))
        .is_some_and(|rest| rest.first() == Some(&0))
}

fn word(bytes: &[u8], offset: usize) -> Option<usize> {
    let bytes = bytes.get(offset..offset.checked_add(4)?)?;
    usize::try_from(u32::from_ne_bytes(bytes.try_into().ok()?)).ok()
}

/// The string at `offset` of a BTF, if there is one and it is UTF-8.
pub(super) fn string(btf: &[u8], offset: u32) -> Option<&str> {
    let start = word(btf, 4)?
        .checked_add(word(btf, 16)?)?
        .checked_add(usize::try_from(offset).ok()?)?;
    let rest = btf.get(start..)?;
    let end = rest.iter().position(|&byte| byte == 0)?;
    std::str::from_utf8(rest.get(..end)?).ok()
}

#[cfg(test)]
mod tests {
    use aya_obj::btf::{Btf, BtfType, Func, FuncLinkage, Int, IntEncoding};

    use super::*;

    fn sample() -> Vec<u8> {
        let mut btf = Btf::new();
        let int = btf.add_string("do_it");
        btf.add_type(BtfType::Int(Int::new(int, 4, IntEncoding::Signed, 0)));
        let name = btf.add_string("do_it");
        btf.add_type(BtfType::Func(Func::new(name, 0, FuncLinkage::Static)));
        btf.to_bytes()
    }

    #[test]
    fn kind_and_whole_name_must_fit() {
        let btf = sample();
        assert_eq!(find(&btf, Kind::Function, "do_it"), Some(2));
        assert_eq!(find(&btf, Kind::Typedef, "do_it"), None);
        assert_eq!(find(&btf, Kind::Function, "do_"), None);
        assert_eq!(find(&btf, Kind::Function, "do_it_not"), None);
    }

    #[test]
    fn every_truncation_is_survived() {
        let btf = sample();
        for length in 0..btf.len() {
            find(&btf[..length], Kind::Function, "absent");
            string(&btf[..length], 1);
        }
    }

    #[test]
    fn strings_end_at_their_nul() {
        assert_eq!(string(&sample(), 1), Some("do_it"));
        assert_eq!(string(&sample(), u32::MAX), None);
    }
}
