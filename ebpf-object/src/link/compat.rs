//! Makes an object fit for aya-obj: refuses what is no BPF object, and gives sections
//! that aya-obj 0.3.0 does not know (`tc`, `fmod_ret/..`, `kprobe.multi/..`) a name that
//! it does know, since a single unknown one makes it refuse the whole object. How a program is loaded is decided by [`crate::Hook`] from the true name.

use std::{borrow::Cow, collections::HashMap};

use aya_obj::ProgramSection;
use ebpf_base::btf::{ByteOrder, Layout, Words, string_at};
use ebpf_base::untrusted;
use ebpf_base::{Error, Result};
use object::elf::{SHT_NOBITS, STT_FUNC};

use crate::{
    Code, Ident,
    elf::{Elf, damaged},
};

/// How many functions an object may have; the kernel takes 256 a program
/// (BPF_MAX_SUBPROGS in kernel/bpf/verifier.c).
pub const MAX_FUNCTIONS: usize = 16 * 1024;

/// How large a section without contents (`.bss`) may say it is, in bytes: aya-obj
/// allocates that much before the kernel is asked.
const MAX_BSS: u64 = 256 << 20;

/// An object that aya-obj can be given, and the true names of its program sections.
#[derive(Debug)]
#[non_exhaustive]
pub struct Image<'data> {
    /// The object, with names that aya-obj knows.
    pub bytes: Cow<'data, [u8]>,
    /// Program sections by their index in the ELF file.
    pub sections: HashMap<usize, String>,
    /// What instructions refer to that is not in the object: by section and offset.
    pub undefined: HashMap<(usize, u64), String>,
}

/// Reads an object's headers.
///
/// # Errors
/// When it is not a relocatable BPF object of this machine's byte order, or is
/// damaged.
pub fn image(data: &[u8]) -> Result<Image<'_>> {
    Ident::parse(data)?.check_loadable()?;
    let elf = Elf::parse(data)?;
    let functions = elf
        .symbols
        .iter()
        .filter(|symbol| symbol.kind == STT_FUNC)
        .count();
    if functions > MAX_FUNCTIONS {
        return Err(limit(
            Code::TooManyFunctions,
            &format!("{functions} functions, more than {MAX_FUNCTIONS}"),
        ));
    }

    let mut names = HashMap::new();
    let mut unknown = Vec::new();
    let mut undefined = HashMap::new();
    for (index, section) in elf.sections.iter().enumerate() {
        if section.kind == SHT_NOBITS && section.size > MAX_BSS {
            return Err(limit(
                Code::SectionTooLarge,
                &format!("a section of {} bytes without contents", section.size),
            ));
        }
        if !section.executable && section.name.ends_with(MAPS) {
            unknown.push((index, format!("maps/section {index}")));
        }
        if !section.executable || section.size == 0 {
            continue;
        }
        undefined.extend(undefined_in(&elf, index));
        if section.name.starts_with(".text") {
            continue;
        }
        if let Cow::Owned(name) = &section.name {
            return Err(damaged(format!(
                "the name of the program section `{}` is not UTF-8",
                untrusted::name(name)
            )));
        }
        if section.name.parse::<ProgramSection>().is_err() {
            unknown.push((index, format!("tp/section {index}")));
        }
        names.insert(index, section.name.clone().into_owned());
    }
    let bytes = if unknown.is_empty() {
        Cow::Borrowed(data)
    } else {
        Cow::Owned(rename(data, &elf, &unknown)?)
    };
    Ok(Image {
        bytes,
        sections: names,
        undefined,
    })
}

/// How loaders of their own end the names of sections with legacy maps, such as
/// `lirc_mode2/maps` of v4l-utils.
const MAPS: &str = "/maps";

/// What the instructions of a section refer to that is not in the object.
fn undefined_in(elf: &Elf<'_>, section: usize) -> impl Iterator<Item = ((usize, u64), String)> {
    elf.relocations(section).filter_map(move |relocation| {
        let symbol = elf.symbols.get(relocation.symbol)?;
        symbol.undefined.then(|| {
            (
                (section, relocation.offset),
                symbol.name.clone().into_owned(),
            )
        })
    })
}

fn limit(code: Code, what: &str) -> Error {
    Error::new(code, format!("the object has {what}"))
        .because("no kernel would take it, and reading it would take too much memory")
}

/// Length of a section header, and the offsets of fields in it (Elf64_Shdr).
const HEADER: usize = 64;
const SH_NAME: usize = 0;
const SH_OFFSET: usize = 24;
const SH_SIZE: usize = 32;

/// Gives sections other names, which no other section has: new string tables at the end
/// of the file, and headers that point there.
fn rename(data: &[u8], elf: &Elf<'_>, sections: &[(usize, String)]) -> Result<Vec<u8>> {
    try_rename(data, elf, sections)
        .ok_or_else(|| damaged("its section headers or its BTF point outside of it"))
}

fn try_rename(data: &[u8], elf: &Elf<'_>, sections: &[(usize, String)]) -> Option<Vec<u8>> {
    let mut bytes = data.to_vec();
    let renamed: Vec<_> = sections
        .iter()
        .map(|(index, new)| Some((*index, &*elf.sections.get(*index)?.name, new.as_str())))
        .collect::<Option<_>>()?;

    let mut table = elf.sections.get(elf.section_names)?.data.to_vec();
    for (index, _, new) in &renamed {
        let offset = append(&mut table, new)?;
        let header = header(elf, *index)?;
        put(&mut bytes, header + SH_NAME, &offset.to_ne_bytes())?;
    }
    replace(&mut bytes, elf, elf.section_names, &table)?;

    // .BTF.ext names sections by strings of .BTF.
    if let (Some((btf, types)), Some((ext, infos))) = (elf.section(".BTF"), elf.section(".BTF.ext"))
    {
        let (mut types, mut infos) = (types.data.to_vec(), infos.data.to_vec());
        rename_in_btf(&mut types, &mut infos, &renamed)?;
        replace(&mut bytes, elf, btf, &types)?;
        replace(&mut bytes, elf, ext, &infos)?;
    }
    Some(bytes)
}

/// File offset of a section's header.
fn header(elf: &Elf<'_>, index: usize) -> Option<usize> {
    usize::try_from(elf.section_headers)
        .ok()?
        .checked_add(index.checked_mul(HEADER)?)
}

/// Puts the contents of a section at the end of the file, and its header there.
fn replace(bytes: &mut Vec<u8>, elf: &Elf<'_>, index: usize, contents: &[u8]) -> Option<()> {
    let (start, length) = (bytes.len() as u64, contents.len() as u64);
    bytes.extend_from_slice(contents);
    let header = header(elf, index)?;
    put(bytes, header + SH_OFFSET, &start.to_ne_bytes())?;
    put(bytes, header + SH_SIZE, &length.to_ne_bytes())
}

fn append(table: &mut Vec<u8>, name: &str) -> Option<u32> {
    let offset = u32::try_from(table.len()).ok()?;
    table.extend_from_slice(name.as_bytes());
    table.push(0);
    Some(offset)
}

/// Renames sections in the func_info, line_info and CO-RE parts of `.BTF.ext`.
/// Layout: <https://docs.kernel.org/bpf/btf.html#btf-ext-section>.
fn rename_in_btf(btf: &mut Vec<u8>, ext: &mut [u8], renamed: &[(usize, &str, &str)]) -> Option<()> {
    /// Offset of `str_len` in struct btf_header.
    const STRINGS_LENGTH: usize = 20;
    let strings = Layout::parse(btf).ok()?.strings;
    // The strings are the last part of every BTF that compilers write.
    if strings.end != btf.len() {
        return None;
    }
    let mut offsets = HashMap::new();
    for (_, old, new) in renamed {
        let offset = append(btf, new)? as usize - strings.start;
        offsets.insert(old.as_bytes(), u32::try_from(offset).ok()?);
    }
    let length = u32::try_from(btf.len() - strings.start).ok()?;
    put(btf, STRINGS_LENGTH, &length.to_ne_bytes())?;
    let strings = btf.get(strings.start..)?;

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
            if let Some(offset) = string_at(strings, name).and_then(|name| offsets.get(name)) {
                put(ext, at, &offset.to_ne_bytes())?;
            }
            let records = record.checked_mul(get(ext, at + 4)?)?;
            at = at.checked_add(8)?.checked_add(records)?;
        }
    }
    Some(())
}

fn get(bytes: &[u8], offset: usize) -> Option<usize> {
    let order = ByteOrder::NATIVE;
    Some(Words { data: bytes, order }.u32(offset)? as usize)
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) -> Option<()> {
    bytes
        .get_mut(offset..offset.checked_add(value.len())?)?
        .copy_from_slice(value);
    Some(())
}
