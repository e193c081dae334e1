//! What a loader sets in an object before it loads it: sizes of maps, values of global
//! variables.

use std::{collections::BTreeMap, fmt, str::FromStr};

use ebpf_base::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{map::Variable, unit::Unit};
use crate::Code;

/// What a loader sets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Given {
    /// The entries of maps, by their names.
    pub map_sizes: BTreeMap<String, u32>,
    /// The values of global variables, by their symbols.
    pub values: BTreeMap<String, Value>,
}

/// The value of an integer or a `bool`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value(i64, bool);

impl Value {
    /// Its bytes in a variable of `size` bytes; none if it does not fit.
    fn bytes(self, size: usize) -> Option<Vec<u8>> {
        let Self(bits, negative) = self;
        if ![1, 2, 4, 8].contains(&size) {
            return None;
        }
        // One more bit where it has no sign: 255 and -128 fit into a byte.
        let unused = (8 - size) * 8;
        let fits = match negative {
            true => bits << unused >> unused == bits,
            false => bits.cast_unsigned() << unused >> unused == bits.cast_unsigned(),
        };
        let bytes = match cfg!(target_endian = "big") {
            true => &bits.to_be_bytes()[8 - size..],
            false => &bits.to_le_bytes()[..size],
        };
        fits.then(|| bytes.to_vec())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bits, negative) = self;
        match negative {
            true => write!(formatter, "{bits}"),
            false => write!(formatter, "{}", bits.cast_unsigned()),
        }
    }
}

impl FromStr for Value {
    type Err = String;

    /// As in C and Rust: `-5`, `0x2a`, `true`.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (radix, digits) = match digits.strip_prefix("0x") {
            Some(digits) => (16, digits),
            None => (10, digits),
        };
        let magnitude = match text {
            "false" => Some(0),
            "true" => Some(1),
            // The number parsers take a sign, too.
            _ if digits.starts_with(['-', '+']) => None,
            _ => i128::from_str_radix(digits, radix).ok(),
        };
        let number =
            sign * magnitude.ok_or_else(|| format!("{text:?} is not an integer, true or false"))?;
        let bits = match number {
            0.. => u64::try_from(number).map(u64::cast_signed),
            _ => i64::try_from(number),
        };
        let bits = bits.map_err(|_| format!("{text} has more than 64 bits"))?;
        Ok(Self(bits, number < 0))
    }
}

impl Unit<'_> {
    /// Whether it has a map of that name.
    pub fn has_map(&self, name: &str) -> bool {
        let mut maps = self.maps.iter();
        maps.any(|map| map.name == name && map.contents.is_none())
    }

    /// Whether it has a global variable of that name.
    pub fn has_variable(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// Sets what a loader would. Names that it does not have are left out.
    ///
    /// # Errors
    /// When a value does not fit into its variable.
    pub fn give(&mut self, given: &Given) -> Result<()> {
        for map in self.maps.iter_mut().filter(|map| map.contents.is_none()) {
            if let Some(size) = given.map_sizes.get(&map.name) {
                map.shape.max_entries = *size;
            }
        }
        for (name, value) in &given.values {
            let Some(variable) = self.variables.get(name).copied() else {
                continue;
            };
            self.set(variable, *value).ok_or_else(|| {
                let size = variable.size;
                Error::new(
                    Code::ValueUnfit,
                    format!("the global variable `{name}` cannot be set to {value}"),
                )
                .because(format!("the size of `{name}` is {size} bytes"))
                .fix("set only integers of 1, 2, 4 or 8 bytes, to values that fit")
            })?;
        }
        Ok(())
    }

    fn set(&mut self, variable: Variable, value: Value) -> Option<()> {
        let start = usize::try_from(variable.offset).ok()?;
        let bytes = value.bytes(usize::try_from(variable.size).ok()?)?;
        let contents = self.maps.get_mut(variable.map)?.contents.as_mut()?;
        let place = contents
            .bytes
            .get_mut(start..start.checked_add(bytes.len())?)?;
        place.copy_from_slice(&bytes);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str, size: usize) -> Option<Vec<u8>> {
        let mut bytes = text.parse::<Value>().unwrap().bytes(size)?;
        if cfg!(target_endian = "big") {
            bytes.reverse();
        }
        Some(bytes)
    }

    #[test]
    fn a_value_fits_with_or_without_a_sign() {
        assert_eq!(bytes("255", 1).unwrap(), [255]);
        assert_eq!(bytes("-128", 1).unwrap(), [128]);
        assert_eq!(bytes("256", 1), None);
        assert_eq!(bytes("-129", 1), None);
        assert_eq!(bytes("0x1234", 2).unwrap(), [0x34, 0x12]);
        assert_eq!(bytes("-2", 4).unwrap(), [254, 255, 255, 255]);
        assert_eq!(bytes("18446744073709551615", 8).unwrap(), [255; 8]);
        assert_eq!(bytes("-9223372036854775808", 8).unwrap()[7], 128);
        assert_eq!(bytes("true", 1).unwrap(), [1]);
        for size in [0, 3, 5, 16] {
            assert_eq!(bytes("1", size), None, "{size}");
        }
    }

    #[test]
    fn what_is_not_an_integer_is_an_error() {
        for text in [
            "",
            "-",
            "--1",
            "+1",
            "-0x-1",
            "0x+1",
            "0x",
            "1.5",
            "yes",
            "18446744073709551616",
            "-9223372036854775809",
        ] {
            assert!(text.parse::<Value>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn maps_and_variables_are_set_by_name() {
        let object = include_bytes!("../../../cargo-ebpf/tests/linking/objects/variables.o");
        let mut unit = Unit::parse(object).unwrap();
        assert!(unit.has_variable("limit") && !unit.has_variable("number"));
        let mut given = Given::default();
        given.values.insert("limit".to_owned(), Value(5, false));
        given.values.insert("number".to_owned(), Value(1, false));
        let before = unit.maps.clone();
        unit.give(&given).unwrap();
        let changed: Vec<_> = (before.iter().zip(&unit.maps))
            .filter(|(before, after)| before != after)
            .collect();
        let [(_, after)] = changed.as_slice() else {
            panic!("{changed:?}");
        };
        assert_eq!(after.contents.as_ref().unwrap().bytes, 5_i32.to_ne_bytes());
        given
            .values
            .insert("limit".to_owned(), Value(1 << 40, false));
        let error = unit.give(&given).unwrap_err();
        assert_eq!(error.code(), Code::ValueUnfit.as_str());
        // A structure cannot be set so.
        given.values.insert("own".to_owned(), Value(1, false));
        given.values.remove("limit");
        unit.give(&given).unwrap();
        given.values.insert("table".to_owned(), Value(1, false));
        assert!(unit.give(&given).is_err());

        let object = include_bytes!("../../../cargo-ebpf/tests/linking/objects/ring.o");
        let mut unit = Unit::parse(object).unwrap();
        let name = unit.maps[0].name.clone();
        assert!(unit.has_map(&name) && !unit.has_map(".rodata"));
        let mut given = Given::default();
        given.map_sizes.insert(name, 1 << 16);
        unit.give(&given).unwrap();
        assert_eq!(unit.maps[0].shape.max_entries, 1 << 16);
    }
}
