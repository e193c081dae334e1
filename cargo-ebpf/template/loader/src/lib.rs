//! Loads the eBPF programs of `project-name-ebpf`, and reads what they count.

// modules

use std::error::Error;

use aya::{Ebpf, include_bytes_aligned, maps::PerCpuArray, programs::ProgramError};

/// The object with the programs: `build.rs` builds it.
pub static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/project-name"));

/// The programs, in the order in which they are attached.
pub const PROGRAMS: &[Program] = &[];

/// A result with any error.
pub type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

/// A program, and what the loader does with it.
pub struct Program {
    /// Its name in the object.
    pub name: &'static str,
    /// The map with its count.
    pub map: &'static str,
    /// What it counts.
    pub counts: &'static str,
    /// What it is attached to by default.
    pub target: &'static str,
    /// Has the kernel verify it, for a target.
    pub load: fn(&mut aya::programs::Program, &str) -> Result<(), ProgramError>,
    /// Attaches it to a target, after it has been loaded.
    pub attach: fn(&mut Ebpf, &str) -> Result,
}

/// Loads `program`, and attaches it to `target`.
///
/// # Errors
/// If the kernel rejects the program, or `target` is not there.
pub fn start(ebpf: &mut Ebpf, program: &Program, target: &str) -> Result {
    let loaded = ebpf.program_mut(program.name);
    (program.load)(loaded.ok_or("the object has no such program")?, target)?;
    (program.attach)(ebpf, target)
}

/// How often `program` has run.
///
/// # Errors
/// If its map cannot be read.
pub fn count(ebpf: &Ebpf, program: &Program) -> Result<u64> {
    let map = ebpf.map(program.map).ok_or("the object has no such map")?;
    let counts: PerCpuArray<_, u64> = map.try_into()?;
    Ok(counts.get(&0, 0)?.iter().sum())
}

/// The program `name`, as one of its type.
fn program<'a, T>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut T>
where
    &'a mut T: TryFrom<&'a mut aya::programs::Program, Error = ProgramError>,
{
    let program = ebpf.program_mut(name);
    let program = program.ok_or("the object has no such program")?;
    Ok(program.try_into()?)
}
