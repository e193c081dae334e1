//! An object, taken apart for a loader.

use std::{
    collections::HashMap,
    ffi::{CStr, CString},
};

use ebpf_base::{Error, Result, btf::Btf};

use super::{
    assemble::{Assembled, assemble},
    code::{self, Function, Target},
    core::{self, KernelTypes},
    externs::{self, Extern},
    map::{self, Map, Variable},
    operations,
    types::Types,
};
use crate::{
    Code, Ident, Loader,
    btf_ext::{BtfExt, CoreRelocation},
    elf::Elf,
};

/// How many bytes a section without contents (`.bss`) or the settings may take.
const MAX_BSS: u64 = 256 << 20;

/// An object, taken apart for a loader.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unit<'data> {
    /// The license that its programs declare, if they do.
    pub license: Option<CString>,
    /// The loader that it is made for.
    pub made_for: Loader,
    /// The kernel version that its programs declare; none for any.
    pub kernel_version: Option<u32>,
    /// All functions, programs among them.
    pub functions: Vec<Function>,
    /// What the kernel loads.
    pub programs: Vec<Program>,
    /// The maps to create; that of the settings is the last.
    pub maps: Vec<Map>,
    /// What the kernel has to provide.
    pub externs: Vec<Extern>,
    /// Its types, to be given to the kernel.
    pub types: Option<Types>,
    /// Its types, as the object has them.
    pub btf: Option<Btf<'data>>,
    /// Why its types could not be read, if it has some.
    pub unreadable_types: Option<String>,
    /// Its global variables, by their symbols.
    pub(super) variables: HashMap<String, Variable>,
    relocations: Vec<(usize, CoreRelocation)>,
    /// Functions that could not be fitted to the kernel, and why.
    failures: HashMap<usize, String>,
}

/// Why a program cannot be linked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The object's code, and why.
    Code(String),
    /// What it accesses in the kernel's types (CO-RE), and why.
    Types(String),
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Program {
    /// Its symbol.
    pub name: String,
    /// The name of its section.
    pub section: String,
    /// The number of its function.
    pub function: usize,
    /// The structure of kernel operations that it is for, and which of them: the first that
    /// the object puts it into.
    pub operation: Option<(String, String)>,
}

impl<'data> Unit<'data> {
    /// Takes an object apart.
    ///
    /// # Errors
    /// When it is not a relocatable BPF object of this machine's byte order, or is damaged.
    pub fn parse(data: &'data [u8]) -> Result<Self> {
        Ident::parse(data)?.check_loadable()?;
        let elf = Elf::parse(data)?;
        if let Some(section) = elf
            .sections
            .iter()
            .find(|section| section.data.is_empty() && section.size > MAX_BSS)
        {
            return Err(too_large(section.size));
        }
        let mut unreadable_types = None;
        let btf = elf.section(".BTF").and_then(|(_, section)| {
            Btf::parse(section.data)
                .map_err(|cause| unreadable_types = Some(cause))
                .ok()
        });
        let ext = btf
            .as_ref()
            .zip(elf.section(".BTF.ext"))
            .and_then(|(btf, (_, section))| {
                BtfExt::parse(section.data, btf)
                    .map_err(|cause| unreadable_types = Some(cause))
                    .ok()
            });
        let (externs, settings) = externs::externs(&elf, btf.as_ref());
        let mut maps = map::maps(&elf, btf.as_ref());
        if let Some(btf) = btf.as_ref().filter(|_| settings > 0) {
            if u64::from(settings) > MAX_BSS {
                return Err(too_large(u64::from(settings)));
            }
            maps.push(map::settings(btf, settings));
        }
        let mut functions = code::functions(&elf, ext.as_ref())?;
        let by_symbol: HashMap<_, _> = (0..)
            .zip(&externs)
            .map(|(at, found)| (found.name.as_str(), at))
            .collect();
        code::refer(&elf, &mut functions, |symbol, immediate| {
            let name = elf.symbols.get(symbol).filter(|symbol| symbol.undefined);
            match name.and_then(|symbol| by_symbol.get(&*symbol.name)) {
                Some(&number) => Target::Extern(number),
                None => map::target(&elf, &maps, symbol, immediate),
            }
        });
        let types = elf
            .section(".BTF")
            .filter(|_| btf.is_some())
            .and_then(|(_, section)| Types::parse(section.data))
            .map(|mut types| {
                types.complete(&elf, &externs);
                types
            });
        Ok(Self {
            license: license(&elf),
            made_for: Loader::of_elf(&elf),
            kernel_version: version(&elf),
            programs: programs(&elf, &functions, btf.as_ref()),
            relocations: relocations(&elf, ext),
            functions,
            variables: map::variables(&elf, &maps),
            maps,
            externs,
            types,
            btf,
            unreadable_types,
            failures: HashMap::new(),
        })
    }

    /// Whether its code depends on the types of the kernel (CO-RE).
    pub fn depends_on_kernel_types(&self) -> bool {
        !self.relocations.is_empty()
    }

    /// Fits its code to the types of a kernel; none for one without BTF. Functions for which
    /// that fails cannot be assembled any more.
    pub fn fit(&mut self, kernel: Option<&KernelTypes<'_>>) {
        if let Some(local) = &self.btf {
            self.failures = core::relocate(&mut self.functions, &self.relocations, local, kernel);
        }
    }

    /// A program with all that it calls.
    ///
    /// # Errors
    /// Why it cannot be linked.
    pub fn assemble(&self, program: &Program) -> std::result::Result<Assembled, Failure> {
        let assembled = assemble(&self.functions, program.function).map_err(Failure::Code)?;
        let mut parts = assembled.parts.iter();
        match parts.find_map(|(_, number)| self.failures.get(number)) {
            Some(failure) => Err(Failure::Types(failure.clone())),
            None => Ok(assembled),
        }
    }
}

fn too_large(size: u64) -> Error {
    Error::new(
        Code::SectionTooLarge,
        format!(
            "the object has a section of uninitialised data of {size} bytes, more than {} MiB",
            MAX_BSS >> 20
        ),
    )
    .because("kernels reject maps of this size, and reading it would need too much memory")
    .fix("reduce the size of the global variables, or store the data in a map")
}

/// The functions outside of `.text`.
fn programs(elf: &Elf<'_>, functions: &[Function], btf: Option<&Btf<'_>>) -> Vec<Program> {
    let operations = operations::operations(elf, functions, btf);
    functions
        .iter()
        .enumerate()
        .filter_map(|(number, function)| {
            let section = &elf.sections.get(function.section)?.name;
            (!section.starts_with(".text")).then(|| Program {
                name: function.name.clone(),
                section: section.clone().into_owned(),
                function: number,
                operation: operations.get(&number).cloned(),
            })
        })
        .collect()
}

/// The CO-RE relocations, by the index of the section.
fn relocations(elf: &Elf<'_>, ext: Option<BtfExt>) -> Vec<(usize, CoreRelocation)> {
    let sections = ext.into_iter().flat_map(|ext| ext.core_relocations);
    sections
        .filter_map(|(section, relocations)| {
            let (index, _) = elf.section(&section)?;
            Some(relocations.into_iter().map(move |found| (index, found)))
        })
        .flatten()
        .collect()
}

fn license(elf: &Elf<'_>) -> Option<CString> {
    let (_, section) = elf.section("license")?;
    let license = CStr::from_bytes_until_nul(section.data).ok()?;
    Some(license.to_owned())
}

/// `LINUX_VERSION_CODE` in the section `version`; 0xfffffffe there stands for any.
fn version(elf: &Elf<'_>) -> Option<u32> {
    const ANY: u32 = 0xffff_fffe;
    let (_, section) = elf.section("version")?;
    let version = u32::from_ne_bytes(*section.data.first_chunk()?);
    (version != ANY).then_some(version)
}
