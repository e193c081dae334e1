#![doc = include_str!("../README.md")]

mod btf_ext;
pub mod calls;
mod code;
pub mod declaration;
pub mod disassembly;
pub mod elf;
pub mod helper;
mod hook;
pub mod instruction;
pub mod lines;
pub mod link;
mod loader;
mod map;
mod name;
mod program;
pub mod requirements;
pub mod variable;

use std::collections::BTreeSet;

use ebpf_base::btf::Btf;
use ebpf_base::{Finding, Result};
use serde::Serialize;

use self::{btf_ext::BtfExt, elf::Elf};
pub use self::{
    code::Code,
    elf::{Header, IDENT_LEN, Ident},
    hook::{Hook, Target},
    loader::{Loader, ParseLoaderError},
    map::{Map, Memory, Style},
    name::Name,
    program::{Function, Program, References},
};

/// What is in a BPF object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Object {
    /// What kind of file it is, in the words of `file`.
    pub header: Header,
    /// The size of the file in bytes.
    pub size: u64,
    /// The license that its programs declare to the kernel.
    pub license: Option<Name>,
    /// What the kernel loads.
    pub programs: Vec<Program>,
    /// Functions in `.text` that programs call.
    pub subprograms: Vec<Function>,
    /// Declared maps, then sections of global variables.
    pub maps: Vec<Map>,
    /// Type information; none if the object has none or it cannot be read.
    pub btf: Option<BtfSummary>,
    /// Kernel functions and variables that the loader has to find.
    pub externs: BTreeSet<Name>,
    /// Symbols that nothing defines. No loader takes an object with any.
    pub unresolved: BTreeSet<Name>,
    /// Parts that could not be read.
    pub findings: Vec<Finding>,
}

/// How much type information there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BtfSummary {
    /// Types in `.BTF`.
    pub types: usize,
    /// What `.BTF.ext` holds; none if it is absent.
    pub ext: Option<BtfExtSummary>,
}

/// How much there is in `.BTF.ext`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BtfExtSummary {
    /// Functions with their types.
    pub func_infos: usize,
    /// Instructions with their source lines.
    pub line_infos: usize,
    /// Field accesses that a loader mends for the running kernel.
    pub core_relocations: usize,
}

/// An object in four numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The size of the file in bytes.
    pub size: u64,
    /// Programs.
    pub programs: usize,
    /// Declared maps, without the sections of global variables.
    pub maps: usize,
    /// Instructions of all programs and subprograms, each counted once.
    pub instructions: u64,
}

impl Object {
    /// Reads an object.
    ///
    /// # Errors
    /// When `bytes` are not a whole BPF object. Damaged parts that do not keep the
    /// rest from being read become [`Object::findings`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let elf = Elf::parse(bytes)?;
        let mut findings = Vec::new();
        let (btf, ext) = type_information(&elf, &mut findings);
        let externs: BTreeSet<_> = btf
            .iter()
            .flat_map(|btf| {
                [".ksyms", ".kconfig"]
                    .into_iter()
                    .flat_map(|section| btf.section(section))
                    .map(|found| Name::from(btf.string(found.name)))
            })
            .collect();
        let code = program::code(&elf, &externs)?;
        Ok(Self {
            header: elf.header,
            size: bytes.len() as u64,
            license: license(&elf),
            programs: code.programs,
            subprograms: code.subprograms,
            maps: map::maps(&elf, btf.as_ref())?,
            btf: btf.as_ref().map(|btf| BtfSummary {
                types: btf.len(),
                ext: ext.as_ref().map(|ext| BtfExtSummary {
                    func_infos: ext.functions.values().map(Vec::len).sum(),
                    line_infos: ext.lines.values().map(Vec::len).sum(),
                    core_relocations: ext.core_relocations.values().map(Vec::len).sum(),
                }),
            }),
            externs,
            unresolved: code.unresolved,
            findings,
        })
    }

    /// The object in four numbers.
    pub fn summary(&self) -> Summary {
        let programs = self.programs.iter().map(|program| &program.function);
        Summary {
            size: self.size,
            programs: self.programs.len(),
            maps: self
                .maps
                .iter()
                .filter(|map| map.style != Style::Data)
                .count(),
            instructions: programs
                .chain(&self.subprograms)
                .map(|function| function.instructions)
                .sum(),
        }
    }

    /// Programs and subprograms in the order of the file.
    pub fn functions(&self) -> Vec<&Function> {
        let mut functions: Vec<_> = self
            .programs
            .iter()
            .map(|program| &program.function)
            .chain(&self.subprograms)
            .collect();
        functions.sort_by_key(|function| (function.section_index, function.offset));
        functions
    }
}

/// `.BTF` and `.BTF.ext`. What cannot be read is told and left out.
fn type_information<'a>(
    elf: &Elf<'a>,
    findings: &mut Vec<Finding>,
) -> (Option<Btf<'a>>, Option<BtfExt>) {
    let mut tell = |what: &str, cause: String| {
        findings.push(
            Finding::warning(
                Code::BtfDamaged,
                format!("the object's {what} cannot be read"),
            )
            .because(cause)
            .fix("build the object again: cargo ebpf build"),
        );
    };
    let btf = elf.section(".BTF").and_then(|(_, section)| {
        Btf::parse(section.data)
            .map_err(|cause| tell(".BTF", cause))
            .ok()
    });
    let ext = btf
        .as_ref()
        .zip(elf.section(".BTF.ext"))
        .and_then(|(btf, (_, section))| {
            BtfExt::parse(section.data, btf)
                .map_err(|cause| tell(".BTF.ext", cause))
                .ok()
        });
    (btf, ext)
}

/// The `license` section: a C string.
fn license(elf: &Elf<'_>) -> Option<Name> {
    let (_, section) = elf.section("license")?;
    let text = section.data.split(|byte| *byte == 0).next()?;
    Some(Name::from(String::from_utf8_lossy(text)))
}

#[cfg(test)]
mod tests;
