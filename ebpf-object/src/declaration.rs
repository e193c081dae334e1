//! Where the source declares the functions and variables that an object's symbols are.

use std::collections::{HashMap, HashSet};

use gimli::{AttributeValue, DebuggingInformationEntry, Dwarf, Reader as _, Unit};
use serde::Serialize;

use super::{
    Name,
    elf::Elf,
    lines::{self, Reader},
};

/// A line of a source file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct Place {
    /// The file, as the compiler saw it.
    pub file: Name,
    /// The line, counted from 1.
    pub line: u32,
}

/// Where the source of the object in `bytes` declares `symbols`, as far as its DWARF shows.
pub fn of<'a>(bytes: &[u8], symbols: impl IntoIterator<Item = &'a str>) -> HashMap<String, Place> {
    let symbols: HashSet<&str> = symbols.into_iter().collect();
    if symbols.is_empty() {
        return HashMap::new();
    }
    let elf = Elf::parse(bytes);
    elf.map_or_else(|_| HashMap::new(), |elf| places(&elf, &symbols))
}

/// The declarations of `symbols` that DWARF has. Damaged DWARF is as good as none.
pub(crate) fn places(elf: &Elf<'_>, symbols: &HashSet<&str>) -> HashMap<String, Place> {
    let mut found = HashMap::new();
    if symbols.is_empty() {
        return found;
    }
    let Some(dwarf) = lines::sections(elf) else {
        return found;
    };
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        // The first unit that cannot be read may end what is found, not fail it.
        if let Ok(unit) = dwarf.unit(header) {
            let _ = search(&dwarf, &unit, symbols, &mut found);
        }
        if found.len() == symbols.len() {
            break;
        }
    }
    found
}

fn search<'a>(
    dwarf: &Dwarf<Reader<'a>>,
    unit: &Unit<Reader<'a>>,
    symbols: &HashSet<&str>,
    found: &mut HashMap<String, Place>,
) -> gimli::Result<()> {
    let mut entries = unit.entries();
    while let Some(entry) = entries.next_dfs()? {
        if !matches!(
            entry.tag(),
            gimli::DW_TAG_subprogram | gimli::DW_TAG_variable
        ) {
            continue;
        }
        for attribute in [gimli::DW_AT_linkage_name, gimli::DW_AT_name] {
            let Some(value) = entry.attr_value(attribute) else {
                continue;
            };
            let text = dwarf.attr_string(unit, value)?;
            let text = text.to_string_lossy()?;
            if symbols.contains(&*text)
                && !found.contains_key(&*text)
                && let Some(place) = place(dwarf, unit, entry)
            {
                found.insert(text.into_owned(), place);
            }
        }
    }
    Ok(())
}

fn place<'a>(
    dwarf: &Dwarf<Reader<'a>>,
    unit: &Unit<Reader<'a>>,
    entry: &DebuggingInformationEntry<Reader<'a>>,
) -> Option<Place> {
    let line = entry.attr_value(gimli::DW_AT_decl_line)?.udata_value()?;
    let file = match entry.attr_value(gimli::DW_AT_decl_file)? {
        AttributeValue::FileIndex(index) => index,
        other => other.udata_value()?,
    };
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(file)?;
    let text = |value| {
        let text = dwarf.attr_string(unit, value).ok()?;
        Some(text.to_string_lossy().ok()?.into_owned())
    };
    let mut path = match &unit.comp_dir {
        Some(folder) => folder.to_string_lossy().ok()?.into_owned(),
        None => String::new(),
    };
    // Number 0 is the compilation's own folder.
    if file.directory_index() != 0
        && let Some(folder) = file.directory(header)
    {
        join(&mut path, &text(folder)?);
    }
    join(&mut path, &text(file.path_name())?);
    Some(Place {
        file: Name::from(path),
        line: u32::try_from(line).ok().filter(|line| *line > 0)?,
    })
}

/// Adds `part` to `path`, or takes its place if it is absolute.
fn join(path: &mut String, part: &str) {
    if part.starts_with('/') || path.is_empty() {
        path.clear();
    } else if !path.ends_with('/') {
        path.push('/');
    }
    path.push_str(part);
}
