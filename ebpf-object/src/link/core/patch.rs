//! Puts the number of a relocation into an instruction (`bpf_core_patch_insn`).

use aya_obj::generated::{
    BPF_ALU, BPF_ALU64, BPF_CALL, BPF_JMP, BPF_LDX, BPF_ST, BPF_STX, BPF_X, bpf_insn,
};

use super::value::{Computed, Resize};
use crate::link::code::LOAD_WIDE;

/// The helper that a poisoned instruction calls; there is none with this number.
const BAD_RELOCATION: i32 = 0x0bad_2310;

const WITHOUT_OPERAND: &str =
    "a relocation refers to an instruction without an immediate or memory operand (CO-RE)";

pub(super) fn patch(code: &mut [bpf_insn], slot: usize, computed: &Computed) -> Result<(), String> {
    let outside = "a relocation is outside of its function";
    let wide = code.get(slot).ok_or(outside)?.code == LOAD_WIDE;
    if computed.poisoned {
        return poison(code, slot, wide).ok_or_else(|| outside.to_owned());
    }
    let unlike = |found: i128| {
        computed
            .expected
            .filter(|&expected| i128::from(expected) != found)
            .map_or(Ok(()), |expected| {
                Err(format!(
                    "an instruction contains the value {found}, but its relocation expects \
                     {expected} (CO-RE)"
                ))
            })
    };
    let instruction = code.get_mut(slot).ok_or(outside)?;
    let class = u32::from(instruction.code & 7);
    match class {
        BPF_ALU | BPF_ALU64 => {
            if u32::from(instruction.code) & BPF_X != 0 {
                return Err(WITHOUT_OPERAND.to_owned());
            }
            // Compared as the instruction has it, in 32 bits.
            if let Some(expected) = computed.expected
                && expected as u32 != instruction.imm.cast_unsigned()
            {
                unlike(i128::from(instruction.imm))?;
            }
            instruction.imm = computed.value as i32;
        }
        BPF_LDX | BPF_ST | BPF_STX => {
            unlike(i128::from(instruction.off))?;
            if computed.resize == Resize::Impossible {
                return poison(code, slot, false).ok_or_else(|| outside.to_owned());
            }
            instruction.off = i16::try_from(computed.value).map_err(|_| {
                format!(
                    "the offset {} is larger than 32767, the maximum in an instruction (CO-RE)",
                    computed.value
                )
            })?;
            if let Resize::To(old, new) = computed.resize {
                resize(instruction, old, new)?;
            }
        }
        _ if wide => {
            let [low, high] = code
                .get_mut(slot..slot + 2)
                .and_then(|both| both.first_chunk_mut())
                .ok_or(outside)?;
            let found =
                u64::from(high.imm.cast_unsigned()) << 32 | u64::from(low.imm.cast_unsigned());
            unlike(i128::from(found))?;
            low.imm = computed.value as i32;
            high.imm = (computed.value >> 32) as i32;
        }
        _ => return Err(WITHOUT_OPERAND.to_owned()),
    }
    Ok(())
}

/// Replaces an instruction by one that no verifier accepts where it is reached.
fn poison(code: &mut [bpf_insn], slot: usize, wide: bool) -> Option<()> {
    let slots = if wide { 2 } else { 1 };
    for instruction in code.get_mut(slot..slot + slots)? {
        instruction.code = (BPF_JMP | BPF_CALL) as u8;
        instruction.set_dst_reg(0);
        instruction.set_src_reg(0);
        instruction.off = 0;
        instruction.imm = BAD_RELOCATION;
    }
    Some(())
}

/// Sizes in bytes, and BPF_SIZE of an instruction.
const SIZES: [(u32, u8); 4] = [(4, 0x00), (2, 0x08), (1, 0x10), (8, 0x18)];
const SIZE_MASK: u8 = 0x18;

fn resize(instruction: &mut bpf_insn, old: u32, new: u32) -> Result<(), String> {
    let bits = |bytes| SIZES.iter().find(|(size, _)| *size == bytes);
    match (bits(old), bits(new)) {
        (Some((_, old)), Some((_, new))) if instruction.code & SIZE_MASK == *old => {
            instruction.code = instruction.code & !SIZE_MASK | new;
            Ok(())
        }
        _ => Err(format!(
            "an access of {old} bytes cannot be changed to {new} bytes (CO-RE)"
        )),
    }
}
