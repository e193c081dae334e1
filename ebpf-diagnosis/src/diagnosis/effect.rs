//! What an instruction does to registers and to the stack.

use super::note::Operand;
use crate::object::instruction::Instruction;

/// Register 10 points to the top of the stack.
pub(super) const FRAME_POINTER: u8 = 10;

/// What can hold a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A register.
    Register(u8),
    /// A slot of the stack, by its offset from the top.
    Stack(i16),
}

/// What an instruction does to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// It reads it to decide where to go on.
    Compares,
    /// It gives it the value of another place.
    Copies(Place),
    /// It computes with the value that was there, and with another register.
    Computes(Option<u8>),
    /// It gives it a value that stands in the instruction.
    Sets,
    /// It gives it what was read through a pointer in this register.
    Loads(u8),
    /// It gives it what a called function returns.
    Returns,
    /// It leaves nothing there: a call takes registers 1 to 5.
    Clobbers,
}

/// Classes of instructions, in the lowest three bits of the opcode.
const LD: u8 = 0;
const LDX: u8 = 1;
const ST: u8 = 2;
const STX: u8 = 3;
const ALU: u8 = 4;
const JMP: u8 = 5;
const JMP32: u8 = 6;

const CALL: u8 = 0x85;
const ATOMIC: u8 = 0xc0;

impl Effect {
    /// What `instruction` does to `place`.
    pub(super) fn on(place: Place, instruction: &Instruction) -> Self {
        let Instruction {
            opcode,
            dst,
            src,
            offset,
            ..
        } = *instruction;
        let register = match place {
            Place::Register(register) => register,
            Place::Stack(slot) => {
                let here = dst == FRAME_POINTER && offset == slot;
                return match opcode & 7 {
                    STX if here && opcode & 0xe0 != ATOMIC => Self::Copies(Place::Register(src)),
                    ST if here => Self::Sets,
                    _ => Self::None,
                };
            }
        };
        if opcode == CALL {
            return match register {
                0 => Self::Returns,
                1..=5 => Self::Clobbers,
                _ => Self::None,
            };
        }
        let writes = register == dst;
        match opcode & 7 {
            // Old instructions for packets work like a call.
            LD if opcode & 0xe0 != 0 => match register {
                0 => Self::Returns,
                1..=5 => Self::Clobbers,
                _ => Self::None,
            },
            LD if writes => Self::Sets,
            LDX if writes && src == FRAME_POINTER => Self::Copies(Place::Stack(offset)),
            LDX if writes => Self::Loads(src),
            STX if opcode & 0xe0 == ATOMIC => match instruction.imm {
                // BPF_CMPXCHG and BPF_LOAD_ACQ of the kernel's bpf.h; all else gives back
                // what was there if it has BPF_FETCH.
                0xf1 if register == 0 => Self::Loads(dst),
                0x100 if writes => Self::Loads(src),
                0xf1 | 0x100 | 0x110 => Self::None,
                operation if operation & 1 == 1 && register == src => Self::Loads(dst),
                _ => Self::None,
            },
            ALU | 7 if writes => {
                let from_register = opcode & 8 != 0;
                match (opcode & 0xf0, from_register) {
                    (0xb0, true) => Self::Copies(Place::Register(src)),
                    (0xb0, false) => Self::Sets,
                    // Byte swaps use the bit for something else.
                    (0xd0 | 0x80, _) => Self::Computes(None),
                    (_, true) => Self::Computes(Some(src)),
                    (_, false) => Self::Computes(None),
                }
            }
            JMP | JMP32 if is_comparison(opcode) => {
                let from_register = opcode & 8 != 0;
                if writes || (from_register && register == src) {
                    Self::Compares
                } else {
                    Self::None
                }
            }
            _ => Self::None,
        }
    }
}

fn is_comparison(opcode: u8) -> bool {
    !matches!(opcode & 0xf0, 0x00 | 0x80 | 0x90 | 0xe0)
}

/// Whether an instruction decides where to go on, and by it what is known.
pub(super) fn is_branch(instruction: &Instruction) -> bool {
    matches!(instruction.opcode & 7, JMP | JMP32) && is_comparison(instruction.opcode)
}

/// What an addition or a comparison takes beside `register`.
pub(super) fn other(register: u8, instruction: &Instruction) -> Operand {
    let from_register = instruction.opcode & 8 != 0;
    match (from_register, instruction.src == register) {
        (true, true) => Operand::Register(instruction.dst),
        (true, false) => Operand::Register(instruction.src),
        (false, _) => Operand::Number(instruction.imm),
    }
}

/// Whether an instruction adds a register or a number.
pub(super) fn is_addition(instruction: &Instruction) -> bool {
    matches!(instruction.opcode & 7, ALU | 7) && instruction.opcode & 0xf0 == 0
}

/// The registers that an instruction works with, the one that it is about first.
pub(super) fn operands(instruction: &Instruction) -> Vec<u8> {
    let Instruction {
        opcode, dst, src, ..
    } = *instruction;
    let from_register = opcode & 8 != 0;
    match opcode & 7 {
        LDX => vec![src],
        // Complaints about what is stored name it.
        ST | STX => vec![dst],
        ALU | 7 if from_register && opcode & 0xf0 == 0xb0 => vec![src],
        ALU | 7 if opcode & 0xf0 == 0xb0 => Vec::new(),
        ALU | 7 if from_register && !matches!(opcode & 0xf0, 0x80 | 0xd0) => vec![dst, src],
        ALU | 7 => vec![dst],
        // What is said at a jump, and no register named, is about the way to it.
        _ => Vec::new(),
    }
}
