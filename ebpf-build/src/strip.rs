//! Removing DWARF, for embedding: 55 KB become 5 KB, and BTF stays.

use object::{
    Endianness,
    build::elf::{Builder, SectionData},
    elf::{self, FileHeader64, SectionHeader64},
    read::elf::{FileHeader as _, SectionHeader as _},
};

use crate::{Code, Error, Result};

/// The largest alignment of a section, in bytes: a page, of maps that are mapped.
const MAX_ALIGNMENT: u64 = 4096;

/// The types of sections that a loader reads, and what these need. All others are for linkers.
const KEPT_TYPES: [u32; 8] = [
    elf::SHT_PROGBITS,
    elf::SHT_SYMTAB,
    elf::SHT_STRTAB,
    elf::SHT_RELA,
    elf::SHT_NOTE,
    elf::SHT_NOBITS,
    elf::SHT_REL,
    elf::SHT_SYMTAB_SHNDX,
];

/// The object without its `.debug_*` sections and what only they need.
///
/// # Errors
/// When it is not an ELF file that can be rewritten.
pub fn strip_debug(content: &[u8]) -> Result<Vec<u8>> {
    let unfit = |cause: String| {
        Error::new(
            Code::StripFailed,
            "debug information could not be removed from the object",
        )
        .because(cause)
    };
    let failed = |cause: object::build::Error| unfit(cause.to_string());
    let (content, foreign) = with_known_types(content);
    let mut builder = Builder::read(content.as_slice()).map_err(failed)?;
    for (index, section) in builder.sections.iter_mut().enumerate() {
        // What rewrites the object takes this as it is, zeros before a section and all.
        section.sh_addralign = section.sh_addralign.max(1);
        if !section.sh_addralign.is_power_of_two() || section.sh_addralign > MAX_ALIGNMENT {
            return Err(unfit(format!(
                "a section of the object has the invalid alignment {}: alignments are powers of two, \
                 at most {MAX_ALIGNMENT}",
                section.sh_addralign
            )));
        }
        let name = section.name.as_slice();
        let name = name.strip_prefix(b".rel").unwrap_or(name);
        // The first header is of no section, and the builder leaves it out.
        if name.starts_with(b".debug_") || foreign.contains(&(index + 1)) {
            section.delete = true;
        }
    }
    // LLVM keeps the names of sections and of symbols in one table; what rewrites
    // the object wants one each.
    if !builder
        .sections
        .iter()
        .any(|section| matches!(section.data, SectionData::SectionString))
    {
        let names = builder.sections.add();
        names.name = b".shstrtab"[..].into();
        names.sh_type = elf::SHT_STRTAB;
        names.data = SectionData::SectionString;
    }
    builder.delete_orphans();
    builder.set_section_sizes();
    let mut stripped = Vec::new();
    builder.write(&mut stripped).map_err(failed)?;
    Ok(stripped)
}

/// The object with sections of other types than [`KEPT_TYPES`] turned into plain data, and the
/// numbers of these. The rewriter refuses them, and for a reason: LLVM's `.llvm_addrsig`, which
/// each object of clang has, refers to symbols by number, as do section groups, and a rewritten
/// object numbers its symbols anew.
fn with_known_types(content: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut known = content.to_vec();
    let mut foreign = Vec::new();
    let Ok(header) = FileHeader64::<Endianness>::parse(content) else {
        return (known, foreign);
    };
    let Ok(endian) = header.endian() else {
        return (known, foreign);
    };
    let sections = header.section_headers(endian, content).unwrap_or_default();
    for (index, section) in sections.iter().enumerate().skip(1) {
        if KEPT_TYPES.contains(&section.sh_type(endian)) {
            continue;
        }
        foreign.push(index);
        let at = usize::try_from(header.e_shoff(endian)).unwrap_or_default()
            + index * size_of::<SectionHeader64<Endianness>>()
            + TYPE_OFFSET;
        let data = match endian {
            Endianness::Little => elf::SHT_PROGBITS.to_le_bytes(),
            Endianness::Big => elf::SHT_PROGBITS.to_be_bytes(),
        };
        if let Some(bytes) = known.get_mut(at..at + data.len()) {
            bytes.copy_from_slice(&data);
        }
    }
    (known, foreign)
}

/// Where `sh_type` is in a section header.
const TYPE_OFFSET: usize = 4;

#[cfg(test)]
mod tests {
    use std::fs;

    use object::{File, Object as _, ObjectSection as _};

    use super::*;

    fn object(name: &str) -> Vec<u8> {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../cargo-ebpf/tests");
        fs::read(format!("{directory}/{name}.o")).unwrap()
    }

    /// Name and contents of the sections that a loader reads.
    fn read_by_loaders(content: &[u8]) -> Vec<(String, Vec<u8>)> {
        let file = File::parse(content).unwrap();
        let named = file.sections().map(|section| {
            let name = section.name().unwrap().to_owned();
            (name, section.data().unwrap().to_vec())
        });
        let mut read: Vec<_> = named
            .filter(|(name, data)| {
                let table = name.contains("strtab") || name.contains("symtab");
                // LLVM writes an empty one in front of all.
                let empty = data.is_empty();
                !table && !empty && !name.starts_with(".llvm") && !name.starts_with(".rel")
            })
            .collect();
        read.sort();
        read
    }

    #[test]
    fn sections_for_linkers_are_left_out() {
        for name in [
            "linking/objects/settings",
            "linking/objects/kernel_functions",
        ] {
            let object = object(name);
            let types = |content: &[u8]| {
                let header = FileHeader64::<Endianness>::parse(content).unwrap();
                let endian = header.endian().unwrap();
                let sections = header.section_headers(endian, content).unwrap();
                let types = sections.iter().map(|section| section.sh_type(endian));
                types.collect::<Vec<_>>()
            };
            assert!(types(&object).contains(&0x6fff_4c03), "{name}");
            let stripped = strip_debug(&object).unwrap();
            assert!(!types(&stripped).contains(&0x6fff_4c03), "{name}");
            assert_eq!(
                read_by_loaders(&stripped),
                read_by_loaders(&object),
                "{name}"
            );
        }
    }

    #[test]
    fn any_type_that_no_loader_reads_is_left_out() {
        let whole = object("linking/objects/settings");
        let header = FileHeader64::<Endianness>::parse(whole.as_slice()).unwrap();
        let sections = header
            .section_headers(Endianness::Little, whole.as_slice())
            .unwrap();
        let position = sections
            .iter()
            .position(|section| section.sh_type(Endianness::Little) == 0x6fff_4c03);
        let start = usize::try_from(header.e_shoff(Endianness::Little)).unwrap();
        let at = start + position.unwrap() * 64 + TYPE_OFFSET;
        // A group, a GNU hash table, one of the processor's own, one of nobody's.
        for kind in [17, 0x6fff_fff6, 0x7000_0001, 0xffff_ffff_u32] {
            let mut object = whole.clone();
            object[at..at + 4].copy_from_slice(&kind.to_le_bytes());
            let stripped = strip_debug(&object).unwrap();
            assert_eq!(
                read_by_loaders(&stripped),
                read_by_loaders(&whole),
                "{kind:x}"
            );
        }
    }
}
