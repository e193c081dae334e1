//! Makes an object fit for aya-obj: refuses what is no BPF object, and gives program
//! sections that aya-obj 0.3.0 does not know (`tc`, `fmod_ret/..`, `kprobe.multi/..`)
//! a name that it does know, since a single unknown one makes it refuse the whole
//! object. How a program is loaded is decided by [`crate::object::Hook`] from the true name.

use std::{borrow::Cow, collections::HashMap};

use aya_obj::ProgramSection;
use ebpf_build::{Error, Result};
use object::{
    Endianness, SectionIndex,
    elf::{self, FileHeader64},
    read::elf::{FileHeader as _, SectionHeader as _},
};

use crate::{object::Ident, untrusted};

/// How many functions an object may have; the kernel takes 256 a program
/// (BPF_MAX_SUBPROGS in kernel/bpf/verifier.c).
pub(super) const MAX_FUNCTIONS: usize = 16 * 1024;

/// How large a section without contents (`.bss`) may say it is, in bytes: aya-obj
/// allocates that much before the kernel is asked.
const MAX_BSS: u64 = 256 << 20;

/// The byte order of this machine, and so of every object that its kernel runs.
const NATIVE: Endianness = if cfg!(target_endian = "little") {
    Endianness::Little
} else {
    Endianness::Big
};

/// An object that aya-obj can be given, and the true names of its program sections.
#[derive(Debug)]
pub(super) struct Image<'data> {
    pub(super) bytes: Cow<'data, [u8]>,
    /// Program sections by their index in the ELF file.
    pub(super) sections: HashMap<usize, String>,
}

/// Reads an object's headers.
///
/// # Errors
/// When it is not a relocatable BPF object of this machine's byte order, or is
/// damaged.
pub(super) fn image(data: &[u8]) -> Result<Image<'_>> {
    Ident::parse(data)?.check_loadable()?;
    let damaged = |cause: object::read::Error| damaged(&cause.to_string());
    let header = FileHeader64::<Endianness>::parse(data).map_err(damaged)?;
    let sections = header.sections(NATIVE, data).map_err(damaged)?;

    let functions = sections
        .symbols(NATIVE, data, elf::SHT_SYMTAB)
        .map_err(damaged)?
        .iter()
        .filter(|symbol| symbol.st_type() == elf::STT_FUNC)
        .count();
    if functions > MAX_FUNCTIONS {
        return Err(limit(&format!(
            "{functions} functions, more than {MAX_FUNCTIONS}"
        )));
    }

    let mut names = HashMap::new();
    let mut unknown = Vec::new();
    for (index, section) in sections.enumerate() {
        let flags = section.sh_flags(NATIVE).0;
        let size = section.sh_size(NATIVE);
        if section.sh_type(NATIVE) == elf::SHT_NOBITS && size > MAX_BSS {
            return Err(limit(&format!(
                "a section of {size} bytes without contents"
            )));
        }
        if flags & elf::SHF_EXECINSTR.0 == 0 || size == 0 {
            continue;
        }
        let Ok(name) =
            std::str::from_utf8(sections.section_name(NATIVE, section).map_err(damaged)?)
        else {
            return Err(super::elf::damaged(
                "the name of a program section is not UTF-8",
            ));
        };
        if name.starts_with(".text") {
            continue;
        }
        if name.parse::<ProgramSection>().is_err() {
            unknown.push(index);
        }
        names.insert(index.0, name.to_owned());
    }
    let bytes = if unknown.is_empty() {
        Cow::Borrowed(data)
    } else {
        Cow::Owned(Renamer::new(data, header).rename(&unknown, &names)?)
    };
    Ok(Image {
        bytes,
        sections: names,
    })
}

fn damaged(cause: &str) -> Error {
    Error::new("object-damaged", "the object is damaged")
        .because(untrusted::lines(cause))
        .fix("build it again")
}

fn limit(what: &str) -> Error {
    Error::new("object-too-large", format!("the object has {what}"))
        .because("no kernel would take it, and reading it would take too much memory")
}

/// Gives sections other names: new string tables at the end of the file, and headers
/// that point there.
struct Renamer<'data> {
    data: &'data [u8],
    /// File offset of the first section header.
    headers: u64,
    /// Index of the section names.
    names: usize,
}

/// Length of a section header, and the offsets of fields in it (Elf64_Shdr).
const HEADER: usize = 64;
const SH_NAME: usize = 0;
const SH_OFFSET: usize = 24;
const SH_SIZE: usize = 32;

impl<'data> Renamer<'data> {
    fn new(data: &'data [u8], header: &FileHeader64<Endianness>) -> Self {
        Self {
            data,
            headers: header.e_shoff(NATIVE),
            names: header
                .shstrndx(NATIVE, data)
                .map_or(0, |index| index as usize),
        }
    }

    fn rename(&self, sections: &[SectionIndex], names: &HashMap<usize, String>) -> Result<Vec<u8>> {
        self.try_rename(sections, names)
            .ok_or_else(|| damaged("its section headers or its BTF point outside of it"))
    }

    fn try_rename(
        &self,
        sections: &[SectionIndex],
        names: &HashMap<usize, String>,
    ) -> Option<Vec<u8>> {
        let mut bytes = self.data.to_vec();
        let renamed: Vec<_> = sections
            .iter()
            .map(|index| {
                (
                    index.0,
                    names.get(&index.0).map_or("", String::as_str),
                    stand_in(index.0),
                )
            })
            .collect();

        let mut table = self.contents(self.names)?.to_vec();
        for (index, _, new) in &renamed {
            let offset = append(&mut table, new)?;
            put(
                &mut bytes,
                self.header(*index)? + SH_NAME,
                &offset.to_ne_bytes(),
            )?;
        }
        self.replace(&mut bytes, self.names, &table)?;

        // .BTF.ext names sections by strings of .BTF.
        let (btf, ext) = (self.find(".BTF"), self.find(".BTF.ext"));
        if let (Some(btf), Some(ext)) = (btf, ext) {
            let mut types = self.contents(btf)?.to_vec();
            let mut infos = self.contents(ext)?.to_vec();
            rename_in_btf(&mut types, &mut infos, &renamed)?;
            self.replace(&mut bytes, btf, &types)?;
            self.replace(&mut bytes, ext, &infos)?;
        }
        Some(bytes)
    }

    /// File offset of a section's header.
    fn header(&self, index: usize) -> Option<usize> {
        usize::try_from(self.headers)
            .ok()?
            .checked_add(index.checked_mul(HEADER)?)
    }

    fn field(&self, index: usize, field: usize) -> Option<usize> {
        let start = self.header(index)?.checked_add(field)?;
        let bytes = self.data.get(start..start.checked_add(8)?)?;
        usize::try_from(u64::from_ne_bytes(bytes.try_into().ok()?)).ok()
    }

    fn contents(&self, index: usize) -> Option<&'data [u8]> {
        let start = self.field(index, SH_OFFSET)?;
        self.data
            .get(start..start.checked_add(self.field(index, SH_SIZE)?)?)
    }

    fn find(&self, name: &str) -> Option<usize> {
        let header = FileHeader64::<Endianness>::parse(self.data).ok()?;
        let sections = header.sections(NATIVE, self.data).ok()?;
        Some(sections.section_by_name(NATIVE, name.as_bytes())?.0.0)
    }

    fn replace(&self, bytes: &mut Vec<u8>, index: usize, contents: &[u8]) -> Option<()> {
        let (start, length) = (bytes.len() as u64, contents.len() as u64);
        bytes.extend_from_slice(contents);
        put(bytes, self.header(index)? + SH_OFFSET, &start.to_ne_bytes())?;
        put(bytes, self.header(index)? + SH_SIZE, &length.to_ne_bytes())
    }
}

/// A name that aya-obj takes and no other section has.
fn stand_in(index: usize) -> String {
    format!("tp/section {index}")
}

fn append(table: &mut Vec<u8>, name: &str) -> Option<u32> {
    let offset = u32::try_from(table.len()).ok()?;
    table.extend_from_slice(name.as_bytes());
    table.push(0);
    Some(offset)
}

/// Renames sections in the func_info, line_info and CO-RE parts of `.BTF.ext`.
/// Layout: <https://docs.kernel.org/bpf/btf.html#btf-ext-section>.
fn rename_in_btf(
    btf: &mut Vec<u8>,
    ext: &mut [u8],
    renamed: &[(usize, &str, String)],
) -> Option<()> {
    /// Offset of `str_len` in struct btf_header; `str_off` stands before it.
    const STRINGS_LENGTH: usize = 20;
    let strings = get(btf, 4)?.checked_add(get(btf, STRINGS_LENGTH - 4)?)?;
    // The strings are the last part of every BTF that compilers write.
    if strings.checked_add(get(btf, STRINGS_LENGTH)?)? != btf.len() {
        return None;
    }
    let mut offsets = HashMap::new();
    for (_, old, new) in renamed {
        let offset = append(btf, new)?;
        offsets.insert(
            *old,
            u32::try_from(usize::try_from(offset).ok()? - strings).ok()?,
        );
    }
    let length = u32::try_from(btf.len() - strings).ok()?;
    put(btf, STRINGS_LENGTH, &length.to_ne_bytes())?;

    let header = get(ext, 4)?;
    for part in [8, 16, 24] {
        if part + 8 > header {
            break; // Older headers end before the CO-RE part.
        }
        let mut at = header.checked_add(get(ext, part)?)?;
        let end = at.checked_add(get(ext, part + 4)?)?;
        if at == end {
            continue;
        }
        let record = get(ext, at)?;
        at += 4;
        while at < end {
            let name = u32::try_from(get(ext, at)?).ok()?;
            if let Some(offset) =
                super::type_id::string(btf, name).and_then(|name| offsets.get(name))
            {
                put(ext, at, &offset.to_ne_bytes())?;
            }
            let records = record.checked_mul(get(ext, at + 4)?)?;
            at = at.checked_add(8)?.checked_add(records)?;
        }
    }
    Some(())
}

fn get(bytes: &[u8], offset: usize) -> Option<usize> {
    let bytes = bytes.get(offset..offset.checked_add(4)?)?;
    usize::try_from(u32::from_ne_bytes(bytes.try_into().ok()?)).ok()
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) -> Option<()> {
    bytes
        .get_mut(offset..offset.checked_add(value.len())?)?
        .copy_from_slice(value);
    Some(())
}
