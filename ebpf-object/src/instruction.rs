//! One BPF instruction: its fields, and its text in the words of the kernel's
//! verifier.
//!
//! Why it is our own: capstone 5.0.6 (crate capstone 0.14.0) refuses 32-bit jumps, which
//! LLVM emits by default, and `gotol`, `bswap` and sign-extending loads; it shows every
//! atomic operation as `xadd`, `movsx` as `mov`, `sdiv` as `div` and an offset of -4 as
//! 0xfffc. rbpf 0.4.1 shows atomics, `movsx` and `sdiv` as wrongly, and panics on unknown
//! opcodes. That ours reads as the verifier's own log, `tests/disassembly` proves against
//! the kernel that runs. Source: the kernel's Documentation/bpf/standardization/
//! instruction-set.rst and kernel/bpf/disasm.c.

use std::fmt;

use object::{Endian as _, Endianness};

use super::helper;

/// The size of an instruction slot in bytes. `lddw` takes two slots.
pub const SLOT: u64 = 8;

/// An instruction, decoded into its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instruction {
    /// Operation, with its class in the lowest three bits.
    pub opcode: u8,
    /// Destination register.
    pub dst: u8,
    /// Source register, or what kind of call or load it is.
    pub src: u8,
    /// Offset of a jump in slots, or of a memory access in bytes.
    pub offset: i16,
    /// Immediate value.
    pub imm: i32,
    /// The upper half of a 64-bit immediate value: only `lddw` has one.
    pub imm_high: Option<i32>,
}

/// What an instruction refers to beside registers and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reference {
    /// Calls the kernel's helper with this number.
    Helper(i32),
    /// Calls code of the object, this many slots after the next instruction.
    Relative(i32),
    /// Calls a kernel function by the number of its BTF type.
    Kfunc(i32),
}

const LDDW: u8 = 0x18;
const CALL: u8 = 0x85;
/// `BPF_PSEUDO_CALL` of the kernel's bpf.h.
const PSEUDO_CALL: u8 = 1;
/// `BPF_PSEUDO_KFUNC_CALL` of the kernel's bpf.h.
const PSEUDO_KFUNC_CALL: u8 = 2;

impl Instruction {
    /// Decodes the instruction at the start of `code`.
    pub fn decode(code: &[u8], endian: Endianness) -> Option<Self> {
        let [opcode, registers, off0, off1, imm @ ..] = *code.first_chunk::<8>()?;
        let (low, high) = (registers & 0xf, registers >> 4);
        // The registers are bit fields: their order follows that of the bytes.
        let (dst, src) = match endian {
            Endianness::Little => (low, high),
            Endianness::Big => (high, low),
        };
        let imm_high = if opcode == LDDW {
            let word = code.get(12..)?.first_chunk()?;
            Some(endian.read_i32(*word))
        } else {
            None
        };
        Some(Self {
            opcode,
            dst,
            src,
            offset: endian.read_i16([off0, off1]),
            imm: endian.read_i32(imm),
            imm_high,
        })
    }

    /// How many slots of eight bytes it takes.
    pub fn slots(&self) -> u64 {
        if self.imm_high.is_some() { 2 } else { 1 }
    }

    /// Whether it loads a 64-bit value that a relocation may replace.
    pub fn is_wide_load(&self) -> bool {
        self.imm_high.is_some()
    }

    /// What it calls.
    pub fn call(&self) -> Option<Reference> {
        if self.opcode != CALL {
            return None;
        }
        Some(match self.src {
            PSEUDO_CALL => Reference::Relative(self.imm),
            PSEUDO_KFUNC_CALL => Reference::Kfunc(self.imm),
            _ => Reference::Helper(self.imm),
        })
    }

    /// How many slots after the next instruction it may go on.
    pub fn jump(&self) -> Option<i64> {
        match self.opcode {
            0x06 => Some(i64::from(self.imm)),
            // An indirect jump, a call, an exit, and what is no jump at all.
            0x0d => None,
            opcode if !matches!(opcode & 7, 5 | 6) || matches!(opcode & 0xf0, 0x80 | 0x90) => None,
            _ => Some(i64::from(self.offset)),
        }
    }
}

impl fmt::Display for Instruction {
    /// In the notation of the kernel's verifier log. What is no instruction is shown by
    /// its fields.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.opcode & 7 {
            0 => self.load(),
            1 => self.load_memory(),
            2 => self.store_immediate(),
            3 => self.store(),
            4 => self.arithmetic('w'),
            5 => self.jump_text('r'),
            6 => self.jump_text('w'),
            _ => self.arithmetic('r'),
        };
        match text {
            Some(text) => f.pad(&text),
            None => f.pad(&format!(
                "unknown opcode {:#04x}, dst {}, src {}, off {}, imm {:#x}",
                self.opcode, self.dst, self.src, self.offset, self.imm
            )),
        }
    }
}

/// A size of memory accesses, by bits 3 and 4 of the opcode.
const SIZES: [&str; 4] = ["32", "16", "8", "64"];

impl Instruction {
    fn size(&self) -> &'static str {
        SIZES
            .get(usize::from(self.opcode >> 3 & 3))
            .copied()
            .unwrap_or_default()
    }

    /// `(u64 *)(r1 +8)`, as the verifier spaces it.
    fn memory(&self, sign: char, base: u8) -> String {
        format!("({sign}{} *)(r{base} {:+})", self.size(), self.offset)
    }

    fn load(&self) -> Option<String> {
        let Self { dst, src, imm, .. } = self;
        Some(match self.opcode & 0xe0 {
            0x00 => {
                let high = self.imm_high?;
                // Both halves are bit patterns, not numbers.
                let value = u64::from(high.cast_unsigned()) << 32 | u64::from(imm.cast_unsigned());
                format!("r{dst} = {value:#x}")
            }
            0x20 => format!("r0 = *(u{} *)skb[{imm}]", self.size()),
            0x40 => format!("r0 = *(u{} *)skb[r{src} + {imm}]", self.size()),
            _ => return None,
        })
    }

    fn load_memory(&self) -> Option<String> {
        let sign = match self.opcode & 0xe0 {
            0x60 => 'u',
            0x80 if self.opcode & 0x18 != 0x18 => 's',
            _ => return None,
        };
        Some(format!("r{} = *{}", self.dst, self.memory(sign, self.src)))
    }

    fn store_immediate(&self) -> Option<String> {
        (self.opcode & 0xe0 == 0x60)
            .then(|| format!("*{} = {}", self.memory('u', self.dst), self.imm))
    }

    fn store(&self) -> Option<String> {
        match self.opcode & 0xe0 {
            0x60 => Some(format!("*{} = r{}", self.memory('u', self.dst), self.src)),
            0xc0 => self.atomic(),
            _ => None,
        }
    }

    fn atomic(&self) -> Option<String> {
        let Self { dst, src, .. } = self;
        // BPF_LOAD_ACQ and BPF_STORE_REL, of every size (Linux 6.15).
        match self.imm {
            0x100 => return Some(format!("r{dst} = load_acquire({})", self.memory('u', *src))),
            0x110 => return Some(format!("store_release({}, r{src})", self.memory('u', *dst))),
            _ => {}
        }
        let bits = match self.opcode & 0x18 {
            0x00 => "",
            0x18 => "64",
            _ => return None,
        };
        let place = self.memory('u', *dst);
        let (sign, name) = match self.imm & !1 {
            0x00 => ("+", "add"),
            0x40 => ("|", "or"),
            0x50 => ("&", "and"),
            0xa0 => ("^", "xor"),
            0xe0 if self.imm == 0xe1 => {
                return Some(format!("r{src} = atomic{bits}_xchg({place}, r{src})"));
            }
            0xf0 if self.imm == 0xf1 => {
                return Some(format!("r0 = atomic{bits}_cmpxchg({place}, r0, r{src})"));
            }
            _ => return None,
        };
        Some(if self.imm & 1 == 1 {
            format!("r{src} = atomic{bits}_fetch_{name}({place}, r{src})")
        } else {
            format!("lock *{place} {sign}= r{src}")
        })
    }

    fn arithmetic(&self, register: char) -> Option<String> {
        let Self {
            dst,
            src,
            offset,
            imm,
            ..
        } = self;
        let from_register = self.opcode & 8 != 0;
        let wide = register == 'r';
        let sign = match (self.opcode >> 4, offset) {
            (0x0, 0) => "+",
            (0x1, 0) => "-",
            (0x2, 0) => "*",
            (0x3, 0) => "/",
            (0x3, 1) => "s/",
            (0x4, 0) => "|",
            (0x5, 0) => "&",
            (0x6, 0) => "<<",
            (0x7, 0) => ">>",
            (0x9, 0) => "%",
            (0x9, 1) => "s%",
            (0xa, 0) => "^",
            (0xb, 0) => "",
            (0xc, 0) => "s>>",
            (0x8, 0) if !from_register => {
                return Some(format!("{register}{dst} = -{register}{dst}"));
            }
            (0xb, 8 | 16) | (0xb, 32) if from_register && (wide || *offset != 32) => {
                return Some(format!("{register}{dst} = (s{offset}){register}{src}"));
            }
            // BPF_ADDR_SPACE_CAST (Linux 6.9): imm holds the two address spaces.
            (0xb, 1) if from_register && wide => {
                return Some(format!(
                    "r{dst} = addr_space_cast(r{src}, {}, {})",
                    imm.cast_unsigned() >> 16,
                    imm & 0xffff
                ));
            }
            (0xd, 0) if matches!(imm, 16 | 32 | 64) => {
                let order = match (wide, from_register) {
                    (true, false) => "bswap",
                    (false, false) => "le",
                    (false, true) => "be",
                    (true, true) => return None,
                };
                return Some(format!("r{dst} = {order}{imm} r{dst}"));
            }
            _ => return None,
        };
        Some(if from_register {
            format!("{register}{dst} {sign}= {register}{src}")
        } else {
            format!("{register}{dst} {sign}= {imm}")
        })
    }

    fn jump_text(&self, register: char) -> Option<String> {
        let Self {
            dst,
            src,
            offset,
            imm,
            ..
        } = self;
        let from_register = self.opcode & 8 != 0;
        let sign = match self.opcode >> 4 {
            0x1 => "==",
            0x2 => ">",
            0x3 => ">=",
            0x4 => "&",
            0x5 => "!=",
            0x6 => "s>",
            0x7 => "s>=",
            0xa => "<",
            0xb => "<=",
            0xc => "s<",
            0xd => "s<=",
            _ => {
                return Some(match (self.opcode, src) {
                    (0x05, _) => format!("goto pc{offset:+}"),
                    (0x06, _) => format!("gotol pc{imm:+}"),
                    (0x0d, _) => format!("gotox r{dst}"),
                    (CALL, &PSEUDO_CALL) => format!("call pc{imm:+}"),
                    (CALL, &PSEUDO_KFUNC_CALL) => format!("call kernel-function#{imm}"),
                    (CALL, 0) => {
                        let name = helper::name(*imm);
                        format!("call {}#{imm}", name.as_deref().unwrap_or("unknown"))
                    }
                    (0x8d, _) => format!("callx r{dst}"),
                    (0x95, _) => "exit".to_owned(),
                    // BPF_JCOND with BPF_MAY_GOTO (Linux 6.9).
                    (0xe5, 0) => format!("may_goto pc{offset:+}"),
                    _ => return None,
                });
            }
        };
        Some(if from_register {
            format!("if {register}{dst} {sign} {register}{src} goto pc{offset:+}")
        } else {
            format!("if {register}{dst} {sign} {imm:#x} goto pc{offset:+}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn little(code: &[u8]) -> Instruction {
        Instruction::decode(code, Endianness::Little).unwrap()
    }

    /// Text as `kernel/bpf/disasm.c` writes it. `tests/disassembly` holds far more against
    /// the kernel that runs; these also hold where no program may be loaded.
    const TEXTS: [([u8; 8], &str); 64] = [
        ([0x07, 0x06, 0, 0, 0xfc, 0xff, 0xff, 0xff], "r6 += -4"),
        ([0x0f, 0x13, 0, 0, 0, 0, 0, 0], "r3 += r1"),
        ([0x1f, 0x24, 0, 0, 0, 0, 0, 0], "r4 -= r2"),
        ([0x27, 0x01, 0, 0, 10, 0, 0, 0], "r1 *= 10"),
        ([0x3f, 0x21, 0, 0, 0, 0, 0, 0], "r1 /= r2"),
        ([0x3f, 0x21, 1, 0, 0, 0, 0, 0], "r1 s/= r2"),
        ([0x3c, 0x20, 1, 0, 0, 0, 0, 0], "w0 s/= w2"),
        ([0x47, 0x01, 0, 0, 8, 0, 0, 0], "r1 |= 8"),
        ([0x54, 0x01, 0, 0, 0xff, 0, 0, 0], "w1 &= 255"),
        ([0x67, 0x01, 0, 0, 32, 0, 0, 0], "r1 <<= 32"),
        ([0x77, 0x01, 0, 0, 32, 0, 0, 0], "r1 >>= 32"),
        ([0x84, 0x03, 0, 0, 0, 0, 0, 0], "w3 = -w3"),
        ([0x87, 0x03, 0, 0, 0, 0, 0, 0], "r3 = -r3"),
        ([0x97, 0x03, 0, 0, 7, 0, 0, 0], "r3 %= 7"),
        ([0x97, 0x03, 1, 0, 7, 0, 0, 0], "r3 s%= 7"),
        ([0xaf, 0x12, 0, 0, 0, 0, 0, 0], "r2 ^= r1"),
        ([0xb4, 0x02, 0, 0, 4, 0, 0, 0], "w2 = 4"),
        ([0xbf, 0xa6, 0, 0, 0, 0, 0, 0], "r6 = r10"),
        ([0xbc, 0x71, 0, 0, 0, 0, 0, 0], "w1 = w7"),
        ([0xbf, 0x21, 8, 0, 0, 0, 0, 0], "r1 = (s8)r2"),
        ([0xbf, 0x21, 32, 0, 0, 0, 0, 0], "r1 = (s32)r2"),
        ([0xbc, 0x21, 16, 0, 0, 0, 0, 0], "w1 = (s16)w2"),
        (
            [0xbf, 0x21, 1, 0, 1, 0, 0, 0],
            "r1 = addr_space_cast(r2, 0, 1)",
        ),
        ([0xc7, 0x01, 0, 0, 63, 0, 0, 0], "r1 s>>= 63"),
        ([0xd4, 0x01, 0, 0, 16, 0, 0, 0], "r1 = le16 r1"),
        ([0xdc, 0x01, 0, 0, 32, 0, 0, 0], "r1 = be32 r1"),
        ([0xd7, 0x01, 0, 0, 64, 0, 0, 0], "r1 = bswap64 r1"),
        ([0x20, 0x00, 0, 0, 14, 0, 0, 0], "r0 = *(u32 *)skb[14]"),
        ([0x50, 0x60, 0, 0, 2, 0, 0, 0], "r0 = *(u8 *)skb[r6 + 2]"),
        (
            [0x61, 0xa7, 0xfc, 0xff, 0, 0, 0, 0],
            "r7 = *(u32 *)(r10 -4)",
        ),
        ([0x69, 0x12, 2, 0, 0, 0, 0, 0], "r2 = *(u16 *)(r1 +2)"),
        ([0x71, 0x00, 0, 0, 0, 0, 0, 0], "r0 = *(u8 *)(r0 +0)"),
        ([0x79, 0x11, 0, 0, 0, 0, 0, 0], "r1 = *(u64 *)(r1 +0)"),
        ([0x91, 0x21, 4, 0, 0, 0, 0, 0], "r1 = *(s8 *)(r2 +4)"),
        ([0x81, 0x21, 4, 0, 0, 0, 0, 0], "r1 = *(s32 *)(r2 +4)"),
        ([0x62, 0x0a, 0xfc, 0xff, 0, 0, 0, 0], "*(u32 *)(r10 -4) = 0"),
        (
            [0x7b, 0x1a, 0xf8, 0xff, 0, 0, 0, 0],
            "*(u64 *)(r10 -8) = r1",
        ),
        ([0xdb, 0x12, 0, 0, 0, 0, 0, 0], "lock *(u64 *)(r2 +0) += r1"),
        (
            [0xc3, 0x12, 4, 0, 0x40, 0, 0, 0],
            "lock *(u32 *)(r2 +4) |= r1",
        ),
        (
            [0xdb, 0x12, 0, 0, 1, 0, 0, 0],
            "r1 = atomic64_fetch_add((u64 *)(r2 +0), r1)",
        ),
        (
            [0xc3, 0x12, 0, 0, 0xa1, 0, 0, 0],
            "r1 = atomic_fetch_xor((u32 *)(r2 +0), r1)",
        ),
        (
            [0xdb, 0x12, 0, 0, 0xe1, 0, 0, 0],
            "r1 = atomic64_xchg((u64 *)(r2 +0), r1)",
        ),
        (
            [0xdb, 0x12, 8, 0, 0xf1, 0, 0, 0],
            "r0 = atomic64_cmpxchg((u64 *)(r2 +8), r0, r1)",
        ),
        (
            [0xd3, 0x12, 0, 0, 0x00, 1, 0, 0],
            "r2 = load_acquire((u8 *)(r1 +0))",
        ),
        (
            [0xdb, 0x12, 0, 0, 0x10, 1, 0, 0],
            "store_release((u64 *)(r2 +0), r1)",
        ),
        ([0x05, 0x00, 10, 0, 0, 0, 0, 0], "goto pc+10"),
        ([0x06, 0x00, 0, 0, 0xff, 0xff, 0xff, 0xff], "gotol pc-1"),
        ([0x0d, 0x01, 0, 0, 0, 0, 0, 0], "gotox r1"),
        ([0xe5, 0x00, 3, 0, 0, 0, 0, 0], "may_goto pc+3"),
        ([0x15, 0x03, 9, 0, 0, 0, 0, 0], "if r3 == 0x0 goto pc+9"),
        ([0x2d, 0x43, 0xf8, 0xff, 0, 0, 0, 0], "if r3 > r4 goto pc-8"),
        ([0x35, 0x03, 1, 0, 5, 0, 0, 0], "if r3 >= 0x5 goto pc+1"),
        ([0x45, 0x03, 1, 0, 1, 0, 0, 0], "if r3 & 0x1 goto pc+1"),
        ([0x56, 0x03, 1, 0, 0, 0, 0, 0], "if w3 != 0x0 goto pc+1"),
        (
            [0x65, 0x03, 1, 0, 0xff, 0xff, 0xff, 0xff],
            "if r3 s> 0xffffffff goto pc+1",
        ),
        ([0x7e, 0x43, 1, 0, 0, 0, 0, 0], "if w3 s>= w4 goto pc+1"),
        ([0xa5, 0x03, 1, 0, 64, 0, 0, 0], "if r3 < 0x40 goto pc+1"),
        ([0xbd, 0x43, 1, 0, 0, 0, 0, 0], "if r3 <= r4 goto pc+1"),
        ([0xce, 0x43, 1, 0, 0, 0, 0, 0], "if w3 s< w4 goto pc+1"),
        ([0xd5, 0x03, 1, 0, 0, 0, 0, 0], "if r3 s<= 0x0 goto pc+1"),
        ([0x85, 0x00, 0, 0, 2, 0, 0, 0], "call bpf_map_update_elem#2"),
        ([0x85, 0x10, 0, 0, 5, 0, 0, 0], "call pc+5"),
        ([0x85, 0x20, 0, 0, 9, 0, 0, 0], "call kernel-function#9"),
        ([0x95, 0x00, 0, 0, 0, 0, 0, 0], "exit"),
    ];

    #[test]
    fn text_is_that_of_the_verifier() {
        for (code, text) in TEXTS {
            assert_eq!(little(&code).to_string(), text);
        }
        let mut wide = [0; 16];
        wide[..8].copy_from_slice(&[0x18, 0x01, 0, 0, 0x78, 0x56, 0x34, 0xf2]);
        wide[12] = 1;
        assert_eq!(little(&wide).to_string(), "r1 = 0x1f2345678");
        assert_eq!(little(&wide).slots(), 2);
    }

    #[test]
    fn big_endian_says_the_same() {
        for (code, text) in TEXTS {
            let [opcode, registers, off0, off1, imm0, imm1, imm2, imm3] = code;
            let swapped = [
                opcode,
                registers.rotate_left(4),
                off1,
                off0,
                imm3,
                imm2,
                imm1,
                imm0,
            ];
            let instruction = Instruction::decode(&swapped, Endianness::Big).unwrap();
            assert_eq!(instruction.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_instruction_is_shown_by_its_fields() {
        assert_eq!(
            little(&[0xff, 0x21, 3, 0, 4, 0, 0, 0]).to_string(),
            "unknown opcode 0xff, dst 1, src 2, off 3, imm 0x4"
        );
        // No 32-bit negation of a register, no atomic operation on bytes.
        for code in [[0x8c, 0, 0, 0, 0, 0, 0, 0], [0xd3, 0, 0, 0, 1, 0, 0, 0]] {
            assert!(little(&code).to_string().starts_with("unknown opcode"));
        }
    }

    #[test]
    fn every_encoding_has_a_text() {
        for opcode in 0..=u8::MAX {
            for registers in [0, 0x10, 0x21, 0xff] {
                for (offset, imm) in [(0, 0), (0xff, 0xff), (1, 1), (0x80, 0x80), (8, 0x10)] {
                    let word = [opcode, registers, offset, offset, imm, imm, imm, imm];
                    let code = [word, word].concat();
                    for endian in [Endianness::Little, Endianness::Big] {
                        let instruction = Instruction::decode(&code, endian).unwrap();
                        assert!(!instruction.to_string().is_empty());
                        let _ = (instruction.jump(), instruction.call());
                    }
                }
            }
        }
        assert_eq!(Instruction::decode(&[0x18; 15], Endianness::Little), None);
        assert_eq!(Instruction::decode(&[0x95; 7], Endianness::Little), None);
    }

    #[test]
    fn only_jumps_jump() {
        assert_eq!(little(&[0x05, 0, 10, 0, 0, 0, 0, 0]).jump(), Some(10));
        assert_eq!(little(&[0x06, 0, 0, 0, 7, 0, 0, 0]).jump(), Some(7));
        assert_eq!(
            little(&[0x2d, 0x43, 0xf8, 0xff, 0, 0, 0, 0]).jump(),
            Some(-8)
        );
        assert_eq!(little(&[0x85, 0, 0, 0, 2, 0, 0, 0]).jump(), None);
        assert_eq!(little(&[0x95, 0, 0, 0, 0, 0, 0, 0]).jump(), None);
        assert_eq!(little(&[0x0d, 1, 0, 0, 0, 0, 0, 0]).jump(), None);
        assert_eq!(little(&[0x07, 1, 5, 0, 0, 0, 0, 0]).jump(), None);
    }
}
