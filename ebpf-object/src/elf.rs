//! The ELF file around a BPF object: header, sections, symbols, relocations.
//!
//! Everything is bounds-checked by the `object` crate. What is checked here on top
//! keeps the work in proportion to the file: sections lie in the file and do not
//! overlap, so that a small file cannot pretend to hold much.

use std::{borrow::Cow, collections::HashMap, fmt};

use ebpf_base::btf::ByteOrder;
use ebpf_base::{Error, Result};
use object::{
    Endianness, SectionIndex, elf,
    read::elf::{FileHeader as _, Rel as _, Rela as _, SectionHeader as _, Sym as _},
};
use serde::{Serialize, Serializer};

use crate::Code;

/// How many bytes of a file [`Ident::parse`] wants to see.
pub const IDENT_LEN: usize = 24;

/// The first bytes of the ELF header: what the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ident {
    class: u8,
    data: u8,
    os_abi: u8,
    file_type: u16,
    machine: u16,
    version: u32,
}

impl Ident {
    /// Reads the first [`IDENT_LEN`] bytes of a file.
    ///
    /// # Errors
    /// When they are not the beginning of an ELF file.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let magic = &elf::ELFMAG[..bytes.len().min(elf::ELFMAG.len())];
        if bytes.is_empty() {
            return Err(Error::new(Code::ObjectEmpty, "the object is empty")
                .because("it has 0 bytes")
                .fix("build it again: cargo ebpf build"));
        }
        if !bytes.starts_with(magic) {
            return Err(not_elf(bytes));
        }
        let Some(head) = bytes.first_chunk::<IDENT_LEN>() else {
            return Err(truncated("its ELF header is incomplete"));
        };
        let [
            ..,
            type0,
            type1,
            machine0,
            machine1,
            version0,
            version1,
            version2,
            version3,
        ] = *head;
        let [_, _, _, _, class, data, _, os_abi, ..] = *head;
        let (file_type, machine) = ([type0, type1], [machine0, machine1]);
        let version = [version0, version1, version2, version3];
        let big = data == elf::ELFDATA2MSB;
        let u16_of = if big {
            u16::from_be_bytes
        } else {
            u16::from_le_bytes
        };
        let u32_of = if big {
            u32::from_be_bytes
        } else {
            u32::from_le_bytes
        };
        Ok(Self {
            class,
            data,
            os_abi,
            file_type: u16_of(file_type),
            machine: u16_of(machine),
            version: u32_of(version),
        })
    }

    /// Checks that this is a 64-bit ELF file for BPF.
    ///
    /// # Errors
    /// When it is for another machine, or of a shape that BPF has not.
    pub fn check_bpf(&self) -> Result<()> {
        let bpf = self.machine == elf::EM_BPF
            && self.class == elf::ELFCLASS64
            && [elf::ELFDATA2LSB, elf::ELFDATA2MSB].contains(&self.data);
        if bpf {
            return Ok(());
        }
        Err(
            Error::new(Code::ObjectNotBpf, "the file is not a BPF object")
                .because(format!("it is an {self}"))
                .fix(
                    "pass an object that was built for bpfel-unknown-none, such as one in \
                     target/ebpf/",
                ),
        )
    }
}

impl Ident {
    /// Checks that a kernel of this machine can take it from here: a relocatable BPF
    /// object in its byte order.
    ///
    /// # Errors
    /// As [`Ident::check_bpf`], and for the other byte order or a linked program.
    pub fn check_loadable(&self) -> Result<()> {
        const NATIVE: u8 = if cfg!(target_endian = "little") {
            elf::ELFDATA2LSB
        } else {
            elf::ELFDATA2MSB
        };
        self.check_bpf()?;
        if self.data != NATIVE {
            return Err(Error::new(
                Code::ObjectEndianness,
                "the object has the wrong byte order for this machine",
            )
            .because(format!("it is an {self}"))
            .fix("build it for this machine: cargo ebpf build"));
        }
        if self.file_type != elf::ET_REL {
            return Err(
                Error::new(Code::ObjectNotRelocatable, "the object is not relocatable")
                    .because(format!("it is an {self}"))
                    .fix("pass an object as bpf-linker or clang -c writes it"),
            );
        }
        Ok(())
    }
}

fn not_elf(bytes: &[u8]) -> Error {
    // What people pass by mistake, by how it begins.
    let cause = [
        (
            &b"BC\xc0\xde"[..],
            "it is LLVM bitcode: bpf-linker has not linked it yet".to_owned(),
        ),
        (
            b"!<arch>\n",
            "it is an archive of objects, such as an .rlib".to_owned(),
        ),
        (b"#!", "it is a script".to_owned()),
    ]
    .into_iter()
    .find(|(magic, _)| bytes.starts_with(magic))
    .map_or_else(
        || {
            let head: Vec<_> = bytes
                .iter()
                .take(4)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!(
                "it begins with the bytes {}, not with 7f 45 4c 46",
                head.join(" ")
            )
        },
        |(_, cause)| cause,
    );
    Error::new(Code::ObjectNotElf, "the file is not an ELF object")
        .because(cause)
        .fix("pass an object file, such as one that `cargo ebpf build` has written to target/ebpf/")
}

/// The error for an object that ends too early.
pub(super) fn truncated(cause: impl Into<String>) -> Error {
    Error::new(Code::ObjectTruncated, "the object is truncated")
        .because(cause)
        .fix("copy or build it again: cargo ebpf build")
}

/// The error for an object that contradicts itself.
pub(crate) fn damaged(cause: impl Into<String>) -> Error {
    Error::new(Code::ObjectDamaged, "the object is damaged")
        .because(cause)
        .fix("build it again: cargo ebpf build")
}

/// Names of machines in the words of `file`, for those that people mix up with BPF.
const MACHINES: [(u16, &str); 13] = [
    (elf::EM_386, "Intel i386"),
    (elf::EM_MIPS, "MIPS"),
    (elf::EM_PPC, "PowerPC or cisco 4500"),
    (elf::EM_PPC64, "64-bit PowerPC or cisco 7500"),
    (elf::EM_S390, "IBM S/390"),
    (elf::EM_ARM, "ARM"),
    (elf::EM_SPARCV9, "SPARC V9"),
    (elf::EM_X86_64, "x86-64"),
    (elf::EM_AARCH64, "ARM aarch64"),
    (elf::EM_RISCV, "UCB RISC-V"),
    (elf::EM_BPF, "eBPF"),
    (elf::EM_SBF, "Solana Binary Format"),
    (elf::EM_LOONGARCH, "LoongArch"),
];

impl fmt::Display for Ident {
    /// In the words of `file`: `ELF 64-bit LSB relocatable, eBPF, version 1 (SYSV)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = match self.class {
            1 => "32-bit",
            2 => "64-bit",
            _ => "unknown class",
        };
        let data = match self.data {
            1 => "LSB",
            2 => "MSB",
            _ => "unknown byte order",
        };
        let file_type = match self.file_type {
            0 => "no file type",
            1 => "relocatable",
            2 => "executable",
            3 => "shared object",
            4 => "core file",
            _ => "processor-specific",
        };
        write!(f, "ELF {class} {data} {file_type}, ")?;
        match MACHINES.iter().find(|(number, _)| *number == self.machine) {
            Some((_, name)) => f.write_str(name)?,
            None => write!(f, "machine {}", self.machine)?,
        }
        match self.version {
            1 => f.write_str(", version 1")?,
            version => write!(f, ", invalid version {version}")?,
        }
        match self.os_abi {
            0 => f.write_str(" (SYSV)"),
            3 => f.write_str(" (GNU/Linux)"),
            9 => f.write_str(" (FreeBSD)"),
            97 => f.write_str(" (ARM)"),
            255 => f.write_str(" (embedded)"),
            other => write!(f, " (OS ABI {other})"),
        }
    }
}

/// What `file` says of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// What the ELF header says.
    pub ident: Ident,
    /// Whether it has DWARF.
    pub debug_info: bool,
    /// Whether it has no symbol table.
    pub stripped: bool,
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let debug_info = if self.debug_info {
            ", with debug_info"
        } else {
            ""
        };
        let stripped = if self.stripped {
            ", stripped"
        } else {
            ", not stripped"
        };
        write!(f, "{}{debug_info}{stripped}", self.ident)
    }
}

impl Serialize for Header {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A section of the file.
#[derive(Debug)]
#[non_exhaustive]
pub struct Section<'a> {
    /// The name; owned where the file's is not UTF-8.
    pub name: Cow<'a, str>,
    /// Its bytes; none for sections like `.bss`, which have only a size.
    pub data: &'a [u8],
    /// The size in bytes, as the header has it.
    pub size: u64,
    /// Whether it contains instructions.
    pub executable: bool,
    /// `SHT_*`.
    pub kind: u32,
    /// For relocations: the section they apply to.
    info: usize,
}

/// A symbol.
#[derive(Debug)]
#[non_exhaustive]
pub struct Symbol<'a> {
    /// The name; owned where the file's is not UTF-8.
    pub name: Cow<'a, str>,
    /// The offset in its section, in bytes.
    pub value: u64,
    /// The size in bytes.
    pub size: u64,
    /// `STT_*`.
    pub kind: u8,
    /// `STB_*`.
    pub bind: u8,
    /// The section that defines it.
    pub section: Option<usize>,
    /// Whether another object would have to define it.
    pub undefined: bool,
    /// Whether other objects cannot see it (`STV_HIDDEN`, `STV_INTERNAL`).
    pub hidden: bool,
}

/// One place to mend when addresses are known.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Relocation {
    /// Where in the section.
    pub offset: u64,
    /// Index of the symbol.
    pub symbol: usize,
    /// Added to the symbol's value; for REL the bytes at the place hold it.
    pub addend: Option<i64>,
}

/// The parts of an ELF file that the model is made from.
#[non_exhaustive]
pub struct Elf<'a> {
    /// What kind of file it is.
    pub header: Header,
    /// The byte order of all numbers.
    pub endian: Endianness,
    /// Where the table of section headers begins in the file.
    pub section_headers: u64,
    /// Index of the section with the names of sections.
    pub section_names: usize,
    /// All sections, by their index in the file.
    pub sections: Vec<Section<'a>>,
    /// All symbols, by their index in the file.
    pub symbols: Vec<Symbol<'a>>,
    relocations: HashMap<usize, Vec<RelocationTable<'a>>>,
}

enum RelocationTable<'a> {
    Rel(&'a [elf::Rel64<Endianness>]),
    Rela(&'a [elf::Rela64<Endianness>]),
}

impl<'a> Elf<'a> {
    /// Reads the headers of an object.
    ///
    /// # Errors
    /// When `bytes` are not a whole BPF object.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let ident = Ident::parse(bytes)?;
        ident.check_bpf()?;
        let explain = |cause: object::read::Error| match section_end(bytes) {
            Some(end) if end > bytes.len() as u64 => truncated(format!(
                "its section table ends at byte {end}, but the file ends at byte {}",
                bytes.len()
            )),
            None => truncated("its ELF header is incomplete"),
            Some(_) => damaged(cause.to_string()),
        };
        let header = elf::FileHeader64::<Endianness>::parse(bytes).map_err(explain)?;
        let endian = header.endian().map_err(explain)?;
        let table = header.sections(endian, bytes).map_err(explain)?;
        if table.is_empty() {
            return Err(damaged("it has no sections"));
        }

        let mut sections = Vec::with_capacity(table.len());
        let mut total = 0_u64;
        for section in table.iter() {
            let name = table.section_name(endian, section).map_err(explain)?;
            if let Some((offset, size)) = section.file_range(endian) {
                let end = offset.saturating_add(size);
                if end > bytes.len() as u64 {
                    return Err(truncated(format!(
                        "section {} ends at byte {end}, but the file ends at byte {}",
                        super::Name::from(String::from_utf8_lossy(name)),
                        bytes.len()
                    )));
                }
                total = total.saturating_add(size);
            }
            if total > bytes.len() as u64 {
                return Err(damaged("its sections overlap"));
            }
            let flags = section.sh_flags(endian);
            sections.push(Section {
                name: String::from_utf8_lossy(name),
                data: section.data(endian, bytes).map_err(explain)?,
                size: section.sh_size(endian),
                executable: flags & u64::from(elf::SHF_EXECINSTR) != 0
                    && section.sh_type(endian) == elf::SHT_PROGBITS,
                kind: section.sh_type(endian),
                info: section.sh_info(endian) as usize,
            });
        }

        let symbol_table = table
            .symbols(endian, bytes, elf::SHT_SYMTAB)
            .map_err(explain)?;
        let mut symbols = Vec::with_capacity(symbol_table.len());
        for (index, symbol) in symbol_table.enumerate() {
            let name = symbol_table.symbol_name(endian, symbol).map_err(explain)?;
            let section = symbol_table
                .symbol_section(endian, symbol, index)
                .map_err(explain)?;
            symbols.push(Symbol {
                name: String::from_utf8_lossy(name),
                value: symbol.st_value(endian),
                size: symbol.st_size(endian),
                kind: symbol.st_type(),
                bind: symbol.st_bind(),
                section: section.map(|SectionIndex(index)| index),
                undefined: symbol.is_undefined(endian) && !name.is_empty(),
                hidden: [elf::STV_HIDDEN, elf::STV_INTERNAL].contains(&symbol.st_visibility()),
            });
        }

        let mut relocations: HashMap<_, Vec<_>> = HashMap::new();
        for (section, raw) in sections.iter().zip(table.iter()) {
            if let Some((list, _)) = raw.rel(endian, bytes).map_err(explain)? {
                relocations
                    .entry(section.info)
                    .or_default()
                    .push(RelocationTable::Rel(list));
            }
            if let Some((list, _)) = raw.rela(endian, bytes).map_err(explain)? {
                relocations
                    .entry(section.info)
                    .or_default()
                    .push(RelocationTable::Rela(list));
            }
        }

        Ok(Self {
            header: Header {
                ident,
                debug_info: sections.iter().any(|section| section.name == ".debug_info"),
                stripped: !sections
                    .iter()
                    .any(|section| section.kind == elf::SHT_SYMTAB),
            },
            endian,
            section_headers: header.e_shoff(endian),
            section_names: header.shstrndx(endian, bytes).map_err(explain)? as usize,
            sections,
            symbols,
            relocations,
        })
    }

    /// How bytes make numbers in it.
    pub fn byte_order(&self) -> ByteOrder {
        match self.endian {
            Endianness::Little => ByteOrder::Little,
            Endianness::Big => ByteOrder::Big,
        }
    }

    /// The first section of that name.
    pub fn section(&self, name: &str) -> Option<(usize, &Section<'a>)> {
        self.sections
            .iter()
            .enumerate()
            .find(|(_, section)| section.name == name)
    }

    /// The relocations of the section with that index.
    pub fn relocations(&self, section: usize) -> impl Iterator<Item = Relocation> {
        let endian = self.endian;
        self.relocations
            .get(&section)
            .into_iter()
            .flatten()
            .flat_map(move |table| {
                let (rel, rela): (&[_], &[_]) = match table {
                    RelocationTable::Rel(list) => (list, &[]),
                    RelocationTable::Rela(list) => (&[], list),
                };
                let rel = rel.iter().map(move |entry| Relocation {
                    offset: entry.r_offset(endian),
                    symbol: entry.r_sym(endian) as usize,
                    addend: None,
                });
                let rela = rela.iter().map(move |entry| Relocation {
                    offset: entry.r_offset(endian),
                    symbol: entry.r_sym(endian, false) as usize,
                    addend: Some(entry.r_addend(endian)),
                });
                rel.chain(rela)
            })
    }
}

/// Where the section table ends, if the header is whole: the last thing in the
/// objects that LLVM writes.
fn section_end(bytes: &[u8]) -> Option<u64> {
    let header = elf::FileHeader64::<Endianness>::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let size = u64::from(header.e_shnum(endian)) * u64::from(header.e_shentsize(endian));
    Some(header.e_shoff(endian).saturating_add(size))
}
