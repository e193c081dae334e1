//! Removing DWARF, for embedding: 55 KB become 5 KB, and BTF stays.

use std::ops::RangeInclusive;

use object::{
    build::elf::{Builder, SectionData},
    elf,
};

use crate::{Code, Error, Result};

/// The largest alignment of a section, in bytes: a page, of maps that are mapped.
const MAX_ALIGNMENT: u64 = 4096;

/// The section types of LLVM (`SHT_LLVM_*`): for linkers, not for loaders.
const LLVM_SECTIONS: RangeInclusive<u32> = 0x6fff_4c00..=0x6fff_4cff;

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
    let mut builder = Builder::read(content).map_err(failed)?;
    for section in builder.sections.iter_mut() {
        // What rewrites the object takes this as it is, zeros before a section and all.
        section.sh_addralign = section.sh_addralign.max(1);
        if !section.sh_addralign.is_power_of_two() || section.sh_addralign > MAX_ALIGNMENT {
            return Err(unfit(format!(
                "a section in it is to be aligned to {} bytes",
                section.sh_addralign
            )));
        }
        let name = section.name.as_slice();
        let name = name.strip_prefix(b".rel").unwrap_or(name);
        // LLVM's notes for linkers (`.llvm_addrsig`) refer to symbols by number, and would be
        // wrong in the rewritten object.
        if name.starts_with(b".debug_") || LLVM_SECTIONS.contains(&section.sh_type.0) {
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
