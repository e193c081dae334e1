//! The variables of a file, by its symbol tables: a static lock is called by its name.

use std::fs::File;

use object::{Object as _, ObjectSymbol as _, ReadCache, SymbolKind};

use crate::symbol::demangle::demangled;

/// How many variables of a file are kept.
const MOST: usize = 1 << 17;

/// The longest name, in bytes.
const LONGEST_NAME: usize = 512;

/// Variables in the order of their addresses.
#[derive(Debug, Default)]
pub(super) struct DataSymbols(Vec<Variable>);

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Variable {
    start: u64,
    size: u64,
    symbol: Box<str>,
}

impl DataSymbols {
    /// Adds those of a file. [`Self::finish`] has to follow.
    pub(super) fn add(&mut self, file: &File) {
        let cache = ReadCache::new(file);
        let Ok(elf) = object::File::parse(&cache) else {
            return;
        };
        for symbol in elf.symbols().chain(elf.dynamic_symbols()) {
            if self.0.len() >= MOST {
                return;
            }
            // Without a size, it is the linker's mark of a place.
            if symbol.kind() == SymbolKind::Data
                && symbol.is_definition()
                && symbol.size() > 0
                && let Ok(name) = symbol.name()
                && (1..=LONGEST_NAME).contains(&name.len())
            {
                self.0.push(Variable {
                    start: symbol.address(),
                    size: symbol.size(),
                    symbol: name.into(),
                });
            }
        }
    }

    /// Has names found.
    pub(super) fn finish(mut self) -> Self {
        self.0.sort();
        self.0.dedup_by_key(|variable| variable.start);
        self
    }

    /// The variable that an address is in: `stats`, or `stats+0x8` beyond its beginning.
    pub(super) fn name(&self, address: u64) -> Option<String> {
        let after = self.0.partition_point(|variable| variable.start <= address);
        let variable = self.0.get(after.checked_sub(1)?)?;
        let name = demangled(&variable.symbol);
        match address.checked_sub(variable.start)? {
            0 => Some(name.into_owned()),
            offset if offset < variable.size => Some(format!("{name}+{offset:#x}")),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DataSymbols, Variable};

    #[test]
    fn a_variable_ends_where_its_size_does() {
        let variable = |start, size, symbol: &str| Variable {
            start,
            size,
            symbol: symbol.into(),
        };
        let data = DataSymbols(vec![
            variable(0x200, 4, "__malloc_lock"),
            variable(0x100, 0x40, "_ZL5stats"),
            // Two names of one variable.
            variable(0x100, 0x40, "_ZL5stats.local"),
        ])
        .finish();
        for (address, name) in [
            (0xff, None),
            (0x100, Some("stats")),
            (0x108, Some("stats+0x8")),
            (0x140, None),
            (0x1ff, None),
            (0x200, Some("__malloc_lock")),
            (0x204, None),
        ] {
            assert_eq!(data.name(address).as_deref(), name, "{address:#x}");
        }
    }
}
