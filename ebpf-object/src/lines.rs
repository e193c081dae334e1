//! From an instruction to the source that it was made from.
//!
//! DWARF keeps the whole chain of functions that were inlined into one another;
//! `.BTF.ext` has one line for an instruction and serves where DWARF is absent.

use std::{collections::HashMap, path::Path, rc::Rc};

use addr2line::{Context, LookupContinuation as _, LookupResult};
use ebpf_base::btf::Btf;
use gimli::{EndianSlice, ReaderOffset as _, RelocateReader, RunTimeEndian};
use object::Endianness;
use serde::Serialize;

use super::{
    Name,
    btf_ext::{BtfExt, LineInfo},
    elf::Elf,
};

/// One function of an inline chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Frame {
    /// The function, as its source calls it.
    pub function: Option<Name>,
    /// The file, as the compiler saw it.
    pub file: Option<Name>,
    /// The line, counted from 1: of the instruction in the innermost function, of the
    /// inlined call in the others.
    pub line: Option<u32>,
    /// The column, counted from 1.
    pub column: Option<u32>,
    /// The line at which the function begins, counted from 1.
    #[serde(skip)]
    pub declared: Option<u32>,
    /// The text of the line, if the object carries it. `.BTF.ext` may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<Name>,
}

impl Frame {
    /// A frame of a line of which nothing else is known.
    pub fn of_line(function: Name, file: Name, line: u32) -> Self {
        Self {
            function: Some(function),
            file: Some(file),
            line: Some(line),
            column: None,
            declared: None,
            text: None,
        }
    }
}

/// Which frame to show the source of: the innermost one in the object's own crate, or the
/// function itself. What libraries did inside is in the chain.
pub fn own(frames: &[Frame]) -> Option<usize> {
    let known = |frame: &Frame| frame.line.is_some();
    frames
        .iter()
        .position(|frame| known(frame) && is_own(frame))
        .or_else(|| frames.iter().rposition(known))
}

/// Whether a function is of the object's own crate.
pub fn is_own(frame: &Frame) -> bool {
    let file = frame.file.as_ref();
    file.is_some_and(|file| library_path(file.as_str()).is_none())
}

/// Where the sources of libraries lie: a registry's crates, Rust's own library. What
/// follows begins with the name of the crate.
const LIBRARIES: [(&str, usize); 3] = [
    // A folder for the registry comes first.
    ("registry/src/", 1),
    ("rust/library/", 0),
    // /rustc/<commit>/library/
    ("rustc/", 2),
];

/// The path within a library, from the name of its crate on.
pub fn library_path(file: &str) -> Option<&str> {
    LIBRARIES
        .into_iter()
        .find_map(|(folder, skipped)| {
            // At the start too: builds cut off what is of the machine.
            let (before, mut rest) = file.split_once(folder)?;
            if !before.is_empty() && !before.ends_with('/') {
                return None;
            }
            for _ in 0..skipped {
                (_, rest) = rest.split_once('/')?;
            }
            Some(rest)
        })
        .or_else(|| packaged(file))
}

/// A source file as short as it can be named: a library's from its crate on, one under `here`
/// relative to it.
pub fn short_path<'a>(file: &'a str, here: &Path) -> &'a str {
    library_path(file)
        .or_else(|| Path::new(file).strip_prefix(here).ok()?.to_str())
        .unwrap_or(file)
}

/// `aya-ebpf-0.2.1/src/lib.rs`: a crate of a registry, where builds cut off or renamed the
/// folder that it lies in. The user's own project may lie in such a folder too, but that
/// path is a whole one.
fn packaged(file: &str) -> Option<&str> {
    let is_cut = !file.starts_with('/');
    let mut start = 0;
    for part in file.split('/') {
        let before = file.get(..start)?;
        let is_crate = part
            .rsplit_once('-')
            .is_some_and(|(_, version)| is_version(version));
        if is_crate && (is_cut || before.contains("registry")) {
            return file.get(start..);
        }
        start += part.len() + 1;
    }
    None
}

fn is_version(text: &str) -> bool {
    text.split('.').count() == 3
        && text
            .split('.')
            .all(|part| part.starts_with(|c: char| c.is_ascii_digit()))
}

/// The source lines of an object.
pub struct Lines<'a> {
    /// Section index and the function that begins there, for `.BTF.ext`, which names none.
    symbols: Vec<(usize, u64, Name)>,
    sections: Vec<String>,
    dwarf: Option<Context<Reader<'a>>>,
    btf: Option<(Btf<'a>, BtfExt)>,
}

impl<'a> Lines<'a> {
    /// Reads what an object has of DWARF and BTF. Damaged debug information is as good
    /// as none.
    pub fn of(elf: &Elf<'a>) -> Self {
        let btf = elf
            .section(".BTF")
            .and_then(|(_, section)| Btf::parse(section.data).ok());
        let btf = btf.and_then(|btf| {
            let (_, section) = elf.section(".BTF.ext")?;
            let ext = BtfExt::parse(section.data, &btf).ok()?;
            Some((btf, ext))
        });
        let mut symbols: Vec<_> = elf
            .symbols
            .iter()
            .filter(|symbol| symbol.kind == object::elf::STT_FUNC)
            .filter_map(|symbol| {
                Some((
                    symbol.section?,
                    symbol.value,
                    Name::from(symbol.name.as_ref()),
                ))
            })
            .collect();
        symbols.sort();
        Self {
            symbols,
            sections: elf
                .sections
                .iter()
                .map(|section| section.name.to_string())
                .collect(),
            dwarf: dwarf(elf),
            btf,
        }
    }

    /// The functions and lines that the instruction `offset` bytes into the section with
    /// index `section` comes from, innermost first. Empty if nothing is known.
    pub fn at(&self, section: usize, offset: u64) -> Vec<Frame> {
        let frames = self.dwarf_frames(section, offset).unwrap_or_default();
        if frames.is_empty() {
            return self.btf_frame(section, offset).into_iter().collect();
        }
        frames
    }

    fn dwarf_frames(&self, section: usize, offset: u64) -> Option<Vec<Frame>> {
        let address = base(section).checked_add(offset)?;
        let mut lookup = self.dwarf.as_ref()?.find_frames(address);
        let mut iterator = loop {
            match lookup {
                LookupResult::Output(output) => break output.ok()?,
                // DWARF in other files: not for BPF.
                LookupResult::Load { continuation, .. } => lookup = continuation.resume(None),
            }
        };
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = iterator.next() {
            let function = frame.function.and_then(|function| {
                let name = function.demangle().ok()?;
                Some(Name::from(name))
            });
            let location = frame.location;
            frames.push(Frame {
                function,
                file: location
                    .as_ref()
                    .and_then(|found| found.file)
                    .map(Name::from),
                line: location
                    .as_ref()
                    .and_then(|found| found.line)
                    .filter(|line| *line > 0),
                column: location
                    .as_ref()
                    .and_then(|found| found.column)
                    .filter(|column| *column > 0),
                declared: frame
                    .dw_die_offset
                    .and_then(|entry| self.declared(address, entry)),
                text: None,
            });
        }
        Some(frames)
    }

    /// The line at which a function begins: of the function itself, not of a copy of it.
    fn declared(&self, address: u64, entry: gimli::UnitOffset) -> Option<u32> {
        /// An inlined copy, its original, the declaration in its `impl`; one to spare.
        const LINKS: usize = 4;
        let mut lookup = self.dwarf.as_ref()?.find_dwarf_and_unit(address);
        let unit = loop {
            match lookup {
                LookupResult::Output(output) => break output?,
                LookupResult::Load { continuation, .. } => lookup = continuation.resume(None),
            }
        };
        let mut entry = unit.entry(entry).ok()?;
        for _ in 0..LINKS {
            if let Some(line) = entry.attr_value(gimli::DW_AT_decl_line) {
                return u32::try_from(line.udata_value()?)
                    .ok()
                    .filter(|line| *line > 0);
            }
            let link = entry
                .attr_value(gimli::DW_AT_abstract_origin)
                .or_else(|| entry.attr_value(gimli::DW_AT_specification))?;
            let gimli::AttributeValue::UnitRef(next) = link else {
                return None;
            };
            entry = unit.entry(next).ok()?;
        }
        None
    }

    fn btf_frame(&self, section: usize, offset: u64) -> Option<Frame> {
        let (btf, ext) = self.btf.as_ref()?;
        let lines = ext.lines.get(self.sections.get(section)?)?;
        let function = self.function(section, offset);
        // An entry holds until the next one, and not beyond its function.
        let at = lines
            .partition_point(|info| info.offset <= offset)
            .checked_sub(1)?;
        let LineInfo {
            offset: begins,
            file,
            text,
            line,
            column,
        } = *lines.get(at)?;
        if function.is_some_and(|(start, _)| begins < start) {
            return None;
        }
        let nonempty = |string| {
            Some(btf.string(string))
                .filter(|string| !string.is_empty())
                .map(Name::from)
        };
        Some(Frame {
            function: function.map(|(_, name)| name.clone()),
            file: nonempty(file),
            line: Some(line).filter(|line| *line > 0),
            column: Some(column).filter(|column| *column > 0),
            declared: None,
            text: nonempty(text),
        })
    }

    fn function(&self, section: usize, offset: u64) -> Option<(u64, &Name)> {
        let at = self
            .symbols
            .partition_point(|(index, start, _)| (*index, *start) <= (section, offset))
            .checked_sub(1)?;
        let (index, start, name) = self.symbols.get(at)?;
        (*index == section).then_some((*start, name))
    }
}

/// Where a section is put. All are at address 0 in a relocatable file, and no section
/// is larger than a file that is read.
fn base(section: usize) -> u64 {
    (section as u64) << 32
}

pub(super) type Reader<'a> = RelocateReader<EndianSlice<'a, RunTimeEndian>, Fixups>;

/// Relocations of one section: what to add to, or put at, an offset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fixups(Rc<HashMap<usize, Fixup>>);

#[derive(Debug, Clone, Copy)]
struct Fixup {
    value: u64,
    /// Whether the bytes at the offset count too.
    adds: bool,
}

impl Fixups {
    fn apply(&self, offset: usize, value: u64) -> u64 {
        match self.0.get(&offset) {
            Some(fixup) if fixup.adds => value.wrapping_add(fixup.value),
            Some(fixup) => fixup.value,
            None => value,
        }
    }
}

impl gimli::read::Relocate for Fixups {
    fn relocate_address(&self, offset: usize, value: u64) -> gimli::Result<u64> {
        Ok(self.apply(offset, value))
    }

    fn relocate_offset(&self, offset: usize, value: usize) -> gimli::Result<usize> {
        usize::from_u64(self.apply(offset, value.into_u64()))
    }
}

fn fixups(elf: &Elf<'_>, section: usize) -> Fixups {
    let fixup = |relocation: super::elf::Relocation| {
        let symbol = elf.symbols.get(relocation.symbol)?;
        // Only code is moved: addresses within other sections stay offsets.
        let home = symbol.section?;
        let executable = elf.sections.get(home)?.executable;
        let value = symbol
            .value
            .wrapping_add(if executable { base(home) } else { 0 })
            .wrapping_add_signed(relocation.addend.unwrap_or_default());
        let fixup = Fixup {
            value,
            adds: relocation.addend.is_none(),
        };
        Some((usize::try_from(relocation.offset).ok()?, fixup))
    };
    Fixups(Rc::new(
        elf.relocations(section).filter_map(fixup).collect(),
    ))
}

fn dwarf<'a>(elf: &Elf<'a>) -> Option<Context<Reader<'a>>> {
    Context::from_dwarf(sections(elf)?).ok()
}

/// The DWARF of an object, if it has some.
pub(super) fn sections<'a>(elf: &Elf<'a>) -> Option<gimli::Dwarf<Reader<'a>>> {
    elf.header.debug_info.then_some(())?;
    let endian = match elf.endian {
        Endianness::Little => RunTimeEndian::Little,
        Endianness::Big => RunTimeEndian::Big,
    };
    let load = |id: gimli::SectionId| -> gimli::Result<Reader<'a>> {
        let (data, fixups) = match elf.section(id.name()) {
            Some((index, section)) => (section.data, fixups(elf, index)),
            None => (&[][..], Fixups::default()),
        };
        Ok(RelocateReader::new(EndianSlice::new(data, endian), fixups))
    };
    gimli::Dwarf::load(load).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_known_by_their_folders() {
        for (file, path) in [
            (
                "/home/x/.cargo/registry/src/index-0/aya-ebpf-0.2.1/src/lib.rs",
                Some("aya-ebpf-0.2.1/src/lib.rs"),
            ),
            (
                "rust/library/core/src/ptr/mod.rs",
                Some("core/src/ptr/mod.rs"),
            ),
            (
                "/rustc/0123abcd/library/core/src/ptr/mod.rs",
                Some("core/src/ptr/mod.rs"),
            ),
            (
                "aya-ebpf-0.2.1/src/lib.rs",
                Some("aya-ebpf-0.2.1/src/lib.rs"),
            ),
            (
                "x/crates-of-the-registry/aya-ebpf-0.2.1/src/lib.rs",
                Some("aya-ebpf-0.2.1/src/lib.rs"),
            ),
            ("lock-ebpf/src/main.rs", None),
            ("/home/x/lock-1.0.0/src/main.rs", None),
            ("/home/x/trustc/a/b/c.rs", None),
            ("", None),
            (
                "programs/cargo/aya-ebpf-0.2.1/src/lib.rs",
                Some("aya-ebpf-0.2.1/src/lib.rs"),
            ),
        ] {
            assert_eq!(library_path(file), path, "{file}");
        }
    }

    #[test]
    fn paths_are_as_short_as_they_can_be() {
        let here = Path::new("/home/me/project");
        for (long, short) in [
            (
                "/home/me/project/lock-ebpf/src/main.rs",
                "lock-ebpf/src/main.rs",
            ),
            ("/elsewhere/src/main.rs", "/elsewhere/src/main.rs"),
            (
                "/home/me/.cargo/registry/src/index-1/aya-ebpf-0.2.1/src/lib.rs",
                "aya-ebpf-0.2.1/src/lib.rs",
            ),
            (
                "/usr/lib/rustlib/src/rust/library/core/src/ptr/mod.rs",
                "core/src/ptr/mod.rs",
            ),
            ("/rustc/0123/library/core/src/cell.rs", "core/src/cell.rs"),
        ] {
            assert_eq!(short_path(long, here), short);
        }
    }
}
