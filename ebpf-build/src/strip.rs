//! Removing DWARF, for embedding: 55 KB become 5 KB, and BTF stays.

use object::{
    build::elf::{Builder, SectionData},
    elf,
};

use crate::error::{Error, Result};

/// The object without its `.debug_*` sections and what only they need.
///
/// # Errors
/// When it is not an ELF file that can be rewritten.
pub fn strip_debug(content: &[u8]) -> Result<Vec<u8>> {
    let failed = |cause: object::build::Error| {
        Error::new(
            "strip-failed",
            "debug information could not be removed from the object",
        )
        .because(cause.to_string())
    };
    let mut builder = Builder::read(content).map_err(failed)?;
    for section in builder.sections.iter_mut() {
        let name = section.name.as_slice();
        let name = name.strip_prefix(b".rel").unwrap_or(name);
        if name.starts_with(b".debug_") {
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
