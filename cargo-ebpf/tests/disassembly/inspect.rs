//! `cargo ebpf inspect --disasm`: what it prints for instructions.

use std::{fs, path::Path, process::Command};

use object::{Architecture, BinaryFormat, Endianness, SectionKind, write};

use crate::{Result, kernel::Slot};

/// The texts of instructions, as those of an object that holds them.
pub(crate) fn texts(code: &[Slot]) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cases.o");
    fs::write(&path, elf(code)?)?;
    field("text", &path)
}

/// The instructions in the code of an object.
pub(crate) fn instructions(object: &Path) -> Result<Vec<Vec<Slot>>> {
    field("bytes", object)?
        .iter()
        .map(|digits| slots(digits))
        .collect()
}

/// An object with one program, whose code need make no sense.
fn elf(code: &[Slot]) -> Result<Vec<u8>> {
    let mut object = write::Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let section = object.add_section(Vec::new(), b"socket".to_vec(), SectionKind::Text);
    object.append_section_data(section, &code.concat(), 8);
    object.add_symbol(write::Symbol {
        name: b"cases".to_vec(),
        value: 0,
        size: size_of_val(code) as u64,
        kind: object::SymbolKind::Text,
        scope: object::SymbolScope::Dynamic,
        weak: false,
        section: write::SymbolSection::Section(section),
        flags: object::SymbolFlags::None,
    });
    Ok(object.write()?)
}

/// One field of every instruction that the command lists.
fn field(name: &str, object: &Path) -> Result<Vec<String>> {
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"))
        .args(["inspect", "--disasm", "--format", "json"])
        .arg(object)
        .output()?;
    let document = test_support::document(&output.stdout)
        .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let functions = document["code"].as_array().ok_or("no code")?;
    let lines = functions
        .iter()
        .flat_map(|function| function["code"].as_array())
        .flatten();
    lines
        .map(|line| Ok(line[name].as_str().ok_or("no such field")?.to_owned()))
        .collect()
}

/// The slots written as hexadecimal digits.
fn slots(digits: &str) -> Result<Vec<Slot>> {
    let slot = |digits: &[u8]| Ok(u64::from_str_radix(str::from_utf8(digits)?, 16)?.to_be_bytes());
    digits.as_bytes().chunks(16).map(slot).collect()
}
