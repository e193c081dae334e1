//! What an object leaves to the kernel: settings (`__kconfig`), kernel functions and
//! variables (`__ksym`). Which there are, and what a setting's text means as a value, as
//! libbpf has it.

use std::collections::HashMap;

use ebpf_base::btf::{Btf, Kind};
use object::elf::STB_WEAK;

use crate::elf::Elf;

/// The section of settings, and the name of the map that holds them.
pub(super) const SETTINGS: &str = ".kconfig";
/// The section of kernel functions and variables.
pub(super) const SYMBOLS: &str = ".ksyms";

/// Something that the kernel has to provide.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extern {
    /// Its name.
    pub name: String,
    /// Whether the object does without it.
    pub weak: bool,
    /// What it is.
    pub kind: ExternKind,
}

/// What the kernel has to provide.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternKind {
    /// A setting, at an offset of the map of settings.
    Setting {
        /// Where its value is, in bytes.
        offset: u32,
        /// The size of the value in bytes.
        size: u32,
        /// What values it may have.
        value: Setting,
    },
    /// A function, by its type in the object's BTF.
    Function(u32),
    /// A variable, by its type in the object's BTF; 0 if only its address matters.
    Variable(u32),
    /// Nothing in the object contains its type.
    Untyped,
}

/// What values a setting may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Setting {
    /// One character: `y`, `n` or `m`.
    Character,
    /// Whether it is `y`.
    Boolean,
    /// A number.
    Number {
        /// Whether it has a sign.
        signed: bool,
    },
    /// `enum libbpf_tristate`.
    Tristate,
    /// Text.
    Text,
    /// A type that libbpf does not support.
    Unsupported,
}

/// The externs of an object, and the size of its map of settings.
pub(super) fn externs(elf: &Elf<'_>, btf: Option<&Btf<'_>>) -> (Vec<Extern>, u32) {
    let declared = btf.map(declared).unwrap_or_default();
    let mut externs: Vec<_> = elf
        .symbols
        .iter()
        .filter(|symbol| symbol.undefined)
        .map(|symbol| Extern {
            name: symbol.name.clone().into_owned(),
            weak: symbol.bind == STB_WEAK,
            kind: declared
                .get(&*symbol.name)
                .cloned()
                .unwrap_or(ExternKind::Untyped),
        })
        .collect();
    let size = place(&mut externs);
    (externs, size)
}

/// What BTF contains about externs, by name.
fn declared(btf: &Btf<'_>) -> HashMap<String, ExternKind> {
    let settings = btf.section(SETTINGS).map(|variable| {
        let size = btf.size(variable.size_or_type).unwrap_or_default();
        let kind = ExternKind::Setting {
            offset: 0,
            size,
            value: setting(btf, variable.size_or_type, size),
        };
        (variable.name, kind)
    });
    let symbols = btf.section_entries(SYMBOLS).filter_map(|entry| {
        let found = btf.get(entry.type_id)?;
        let kind = match found.kind {
            Kind::Func => ExternKind::Function(entry.type_id),
            _ => ExternKind::Variable(btf.resolve_id(found.size_or_type)?),
        };
        Some((found.name, kind))
    });
    settings
        .chain(symbols)
        .map(|(name, kind)| (btf.string(name).into_owned(), kind))
        .collect()
}

/// Which values a setting of this type may have.
fn setting(btf: &Btf<'_>, type_id: u32, size: u32) -> Setting {
    let Some(found) = btf.resolve(type_id) else {
        return Setting::Unsupported;
    };
    let named_tristate = || btf.string(found.name) == "libbpf_tristate";
    match found.kind {
        Kind::Int => match btf.int(found) {
            Some(int) if int.boolean && size == 1 => Setting::Boolean,
            Some(int) if !int.boolean && size == 1 => Setting::Character,
            Some(int) if !int.boolean && matches!(size, 2 | 4 | 8) => {
                Setting::Number { signed: int.signed }
            }
            _ => Setting::Unsupported,
        },
        Kind::Enum | Kind::Enum64 if size == 4 && named_tristate() => Setting::Tristate,
        Kind::Array => {
            let element = btf.array(found).filter(|array| array.len > 0);
            match element.map(|array| setting(btf, array.element, 1)) {
                Some(Setting::Character) => Setting::Text,
                _ => Setting::Unsupported,
            }
        }
        _ => Setting::Unsupported,
    }
}

/// Gives each setting its place: the most aligned first, as libbpf does. Returns the size
/// of all.
fn place(externs: &mut [Extern]) -> u32 {
    let mut settings: Vec<_> = externs
        .iter_mut()
        .filter_map(|setting| {
            let ExternKind::Setting {
                offset,
                size,
                value,
            } = &mut setting.kind
            else {
                return None;
            };
            let align = match value {
                Setting::Number { .. } | Setting::Tristate => *size,
                _ => 1,
            };
            Some((align, *size, &setting.name, offset))
        })
        .collect();
    settings.sort_by(|one, other| (other.0, one.1, one.2).cmp(&(one.0, other.1, other.2)));
    let mut end = 0_u32;
    for (align, size, _, offset) in settings {
        *offset = end.next_multiple_of(align.max(1));
        end = offset.saturating_add(size);
    }
    end
}

impl Setting {
    /// The bytes of a value that a kernel's configuration has as `text`: `y`, `"text"`, or a
    /// number.
    ///
    /// # Errors
    /// When the type does not have such values.
    pub fn value(self, text: &str, size: u32) -> Result<Vec<u8>, String> {
        let unfit = || format!("its type has no value for `{text}`");
        if let Some(inner) = text.strip_prefix('"') {
            let inner = inner.strip_suffix('"').ok_or_else(unfit)?;
            if self != Self::Text {
                return Err(unfit());
            }
            let mut bytes = inner.as_bytes().to_vec();
            // Cut like libbpf, and NUL-terminated.
            bytes.truncate((size as usize).saturating_sub(1));
            bytes.resize(size as usize, 0);
            return Ok(bytes);
        }
        match (text, self) {
            ("y", Self::Boolean) => Ok(vec![1]),
            ("n", Self::Boolean) => Ok(vec![0]),
            ("y" | "n" | "m", Self::Character) => Ok(text.as_bytes().to_vec()),
            ("n" | "y" | "m", Self::Tristate) => {
                // TRI_NO, TRI_YES and TRI_MODULE of libbpf's bpf_helpers.h.
                let value = ["n", "y", "m"].iter().position(|known| *known == text);
                Ok(number(value.unwrap_or_default() as u64, size))
            }
            _ => self.number(text, size).ok_or_else(unfit),
        }
    }

    fn number(self, text: &str, size: u32) -> Option<Vec<u8>> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let magnitude = match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
            Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16),
            None => digits.parse(),
        }
        .ok()?;
        let value = if negative {
            -i128::from(magnitude)
        } else {
            i128::from(magnitude)
        };
        let bits = size.saturating_mul(8).min(64);
        let (least, most) = match self {
            Self::Number { signed: true } => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
            Self::Number { signed: false } | Self::Character => (0, (1_i128 << bits) - 1),
            Self::Boolean => (0, 1),
            Self::Tristate | Self::Text | Self::Unsupported => return None,
        };
        let fits = (least..=most).contains(&value);
        fits.then(|| number(value as u64, size))
    }
}

/// The low bytes of a number, in this machine's order.
fn number(value: u64, size: u32) -> Vec<u8> {
    let bytes = value.to_ne_bytes();
    let size = (size as usize).min(bytes.len());
    if cfg!(target_endian = "little") {
        bytes[..size].to_vec()
    } else {
        bytes[bytes.len() - size..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_settings() {
        let value = |setting: Setting, text, size| setting.value(text, size).ok();
        assert_eq!(value(Setting::Boolean, "y", 1), Some(vec![1]));
        assert_eq!(value(Setting::Boolean, "m", 1), None);
        assert_eq!(value(Setting::Character, "m", 1), Some(b"m".to_vec()));
        assert_eq!(value(Setting::Tristate, "m", 4), Some(number(2, 4)));
        assert_eq!(
            value(Setting::Text, "\"(none)\"", 8),
            Some(b"(none)\0\0".to_vec())
        );
        assert_eq!(
            value(Setting::Text, "\"longer\"", 4),
            Some(b"lon\0".to_vec())
        );
        let signed = Setting::Number { signed: true };
        assert_eq!(value(signed, "-1", 2), Some(vec![0xff; 2]));
        assert_eq!(value(signed, "32768", 2), None);
        let unsigned = Setting::Number { signed: false };
        assert_eq!(
            value(unsigned, "0xffffffff80000000", 8),
            Some(number(0xffff_ffff_8000_0000, 8))
        );
        assert_eq!(value(unsigned, "-1", 8), None);
        assert_eq!(value(unsigned, "y", 4), None);
        assert_eq!(value(Setting::Unsupported, "1", 16), None);
    }

    #[test]
    fn settings_are_placed_by_alignment_size_and_name() {
        let setting = |name: &str, value, size| Extern {
            name: name.to_owned(),
            weak: false,
            kind: ExternKind::Setting {
                offset: 0,
                size,
                value,
            },
        };
        let number = Setting::Number { signed: false };
        let mut externs = [
            setting("text", Setting::Text, 5),
            setting("b", Setting::Boolean, 1),
            setting("long", number, 8),
            setting("a", Setting::Boolean, 1),
            setting("int", number, 4),
        ];
        assert_eq!(place(&mut externs), 8 + 4 + 1 + 1 + 5);
        let offsets: Vec<_> = externs
            .iter()
            .filter_map(|found| match found.kind {
                ExternKind::Setting { offset, .. } => Some(offset),
                _ => None,
            })
            .collect();
        assert_eq!(offsets, [14, 13, 0, 12, 8]);
    }
}
