//! Puts what only a running kernel gives into the instructions of a program: descriptors
//! of maps, addresses and types of what the kernel provides.

use std::{collections::BTreeMap, os::fd::OwnedFd};

use aya_obj::generated::{
    BPF_PSEUDO_BTF_ID, BPF_PSEUDO_KFUNC_CALL, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE, bpf_insn,
};
use ebpf_build::Finding;
use ebpf_object::link::{Assembled, LOAD_WIDE, Target};

use super::{
    externs::{Found, Provided},
    maps::Maps,
};

/// Why an instruction cannot get what it refers to.
#[derive(Debug)]
pub(super) enum Lacking {
    /// A map that could not be made.
    Map(Box<Finding>),
    /// Something that the object or this kernel does not have.
    Other(String),
}

/// What an instruction becomes.
struct Patch {
    /// `BPF_PSEUDO_*`: what its number means.
    source: u32,
    low: i32,
    high: i32,
}

/// The helper that stands for a missing weak function, as in libbpf: none has this number.
/// The number of the extern is added.
pub(super) const MISSING_FUNCTION: i32 = 2_002_000_000;

/// Connects the instructions of a program. Returns the maps that it has to itself, which
/// have to live until it is loaded.
pub(super) fn connect(
    program: &mut Assembled,
    maps: &Maps,
    settings: usize,
    externs: &[Found],
) -> Result<Vec<OwnedFd>, Lacking> {
    let mut own = BTreeMap::new();
    for (slot, target) in std::mem::take(&mut program.references) {
        let code = program.instructions.get_mut(slot..).unwrap_or_default();
        let Some((instruction, rest)) = code.split_first_mut() else {
            continue;
        };
        let mut map = |number| match maps.descriptor(number, &mut own) {
            Some(found) => found.map_err(Lacking::Map),
            None => Err(Lacking::Other(
                "the program refers to a map that the object does not define".to_owned(),
            )),
        };
        let patch = match target {
            Target::Map(number) => Patch {
                source: BPF_PSEUDO_MAP_FD,
                low: map(number)?,
                high: 0,
            },
            Target::Value(number, offset) => Patch {
                source: BPF_PSEUDO_MAP_VALUE,
                low: map(number)?,
                high: offset,
            },
            Target::Extern(number) => {
                let found = externs.get(number).cloned();
                match found.unwrap_or_else(|| Err("an unknown symbol".to_owned())) {
                    Ok(Provided::Setting(offset)) => Patch {
                        source: BPF_PSEUDO_MAP_VALUE,
                        low: map(settings)?,
                        high: offset.cast_signed(),
                    },
                    Ok(Provided::Address(address)) => Patch {
                        source: 0,
                        low: address as i32,
                        high: (address >> 32) as i32,
                    },
                    Ok(Provided::Variable(type_id)) => Patch {
                        source: BPF_PSEUDO_BTF_ID,
                        low: type_id.cast_signed(),
                        high: 0,
                    },
                    Ok(Provided::Function(type_id)) if is_call(instruction) => Patch {
                        source: BPF_PSEUDO_KFUNC_CALL,
                        low: type_id.cast_signed(),
                        high: 0,
                    },
                    // Its address: libbpf has a type for it as well.
                    Ok(Provided::Function(type_id)) => Patch {
                        source: BPF_PSEUDO_BTF_ID,
                        low: type_id.cast_signed(),
                        high: 0,
                    },
                    Ok(Provided::NoFunction) if is_call(instruction) => Patch {
                        source: 0,
                        low: MISSING_FUNCTION
                            .saturating_add_unsigned(u32::try_from(number).unwrap_or_default()),
                        high: 0,
                    },
                    Ok(Provided::NoFunction) => Patch {
                        source: 0,
                        low: 0,
                        high: 0,
                    },
                    Err(cause) => return Err(Lacking::Other(cause)),
                }
            }
            Target::Nothing(cause) => return Err(Lacking::Other(cause)),
            // Resolved when the program was assembled.
            Target::Function(_) => continue,
        };
        let wide = instruction.code == LOAD_WIDE;
        let fits = wide || matches!(patch.source, 0 | BPF_PSEUDO_KFUNC_CALL);
        if !fits || !wide && !is_call(instruction) {
            return Err(Lacking::Other(format!(
                "instruction {slot} calls something that is not a function"
            )));
        }
        instruction.set_src_reg(patch.source as u8);
        instruction.imm = patch.low;
        if wide && let Some(second) = rest.first_mut() {
            second.imm = patch.high;
        }
    }
    Ok(own.into_values().collect())
}

fn is_call(instruction: &bpf_insn) -> bool {
    /// `BPF_JMP | BPF_CALL`.
    const CALL: u8 = 0x85;
    instruction.code == CALL
}
