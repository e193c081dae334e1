//! The functions of an object, each with its instructions and what they refer to.

use std::collections::HashMap;

use aya_obj::generated::{BPF_LD, bpf_insn, bpf_line_info};

use crate::{btf_ext::BtfExt, elf::Elf, instruction::Instruction, program};

/// `BPF_LD | BPF_IMM | BPF_DW`: a load of the 64 bits in it and the next slot.
pub const LOAD_WIDE: u8 = BPF_LD as u8 | 0x18;

/// The length of an instruction slot in bytes.
const SLOT: usize = size_of::<bpf_insn>();

/// A function.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Function {
    /// Its symbol.
    pub name: String,
    /// Its section, by its index in the ELF file.
    pub section: usize,
    /// Where it begins in its section, in bytes.
    pub offset: u64,
    /// Its code. What is not known before a kernel is, is still missing.
    pub instructions: Vec<bpf_insn>,
    /// What instructions refer to, by slot.
    pub references: Vec<(usize, Target)>,
    /// What the kernel that it was fitted to does not have, of what instructions access, by slot.
    pub absent: Vec<(usize, String)>,
    /// Its type in the object's BTF.
    pub type_id: Option<u32>,
    /// Its source lines; the instructions are counted from its own beginning.
    pub lines: Vec<bpf_line_info>,
}

impl Function {
    /// Where it ends in its section, in bytes.
    pub fn end(&self) -> u64 {
        self.offset + (self.instructions.len() * SLOT) as u64
    }

    /// The slot at an offset in the section.
    pub fn slot(&self, offset: u64) -> Option<usize> {
        let distance = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        let slot = distance / SLOT;
        (distance.is_multiple_of(SLOT) && slot < self.instructions.len()).then_some(slot)
    }
}

/// What an instruction refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A function of the object, by its number.
    Function(usize),
    /// A map, by its number.
    Map(usize),
    /// A variable: a map by its number, and an offset in its value.
    Value(usize, i32),
    /// What the kernel has to provide, by its number.
    Extern(usize),
    /// Nothing that a loader could give it, and why.
    Nothing(String),
}

/// Reads every function, without what its instructions refer to.
pub(super) fn functions(elf: &Elf<'_>, ext: Option<&BtfExt>) -> ebpf_base::Result<Vec<Function>> {
    let records = Records::of(ext);
    Ok(program::functions(elf)?
        .iter()
        .map(|function| {
            let section = function.section.as_str();
            let size = usize::try_from(function.instructions).unwrap_or(usize::MAX);
            let code = elf
                .sections
                .get(function.section_index)
                .and_then(|section| section.data.get(usize::try_from(function.offset).ok()?..))
                .unwrap_or_default();
            let mut read = Function {
                name: function.name.as_str().to_owned(),
                section: function.section_index,
                offset: function.offset,
                instructions: code
                    .chunks_exact(SLOT)
                    .take(size)
                    .map(instruction)
                    .collect(),
                references: Vec::new(),
                absent: Vec::new(),
                type_id: records.types.get(&(section, function.offset)).copied(),
                lines: Vec::new(),
            };
            read.lines = records.lines(section, &read);
            read
        })
        .collect())
}

/// The slot in eight bytes of this machine's order.
fn instruction(bytes: &[u8]) -> bpf_insn {
    let half = |at: usize| [bytes[at], bytes[at + 1]];
    let [low, high] = [half(4), half(6)];
    let registers = match cfg!(target_endian = "little") {
        true => (bytes[1] & 0xf, bytes[1] >> 4),
        false => (bytes[1] >> 4, bytes[1] & 0xf),
    };
    bpf_insn {
        code: bytes[0],
        _bitfield_align_1: [],
        _bitfield_1: bpf_insn::new_bitfield_1(registers.0, registers.1),
        off: i16::from_ne_bytes(half(2)),
        imm: i32::from_ne_bytes([low[0], low[1], high[0], high[1]]),
    }
}

/// `.BTF.ext`, for looking up functions in it.
struct Records<'ext> {
    types: HashMap<(&'ext str, u64), u32>,
    ext: Option<&'ext BtfExt>,
}

impl<'ext> Records<'ext> {
    fn of(ext: Option<&'ext BtfExt>) -> Self {
        let types = ext.into_iter().flat_map(|ext| &ext.functions);
        Self {
            types: types
                .flat_map(|(section, infos)| {
                    infos
                        .iter()
                        .map(|info| ((section.as_str(), info.offset), info.type_id))
                })
                .collect(),
            ext,
        }
    }

    /// The lines of a function, in the order of its instructions.
    fn lines(&self, section: &str, function: &Function) -> Vec<bpf_line_info> {
        let Some(lines) = self.ext.and_then(|ext| ext.lines.get(section)) else {
            return Vec::new();
        };
        let start = lines.partition_point(|line| line.offset < function.offset);
        lines
            .iter()
            .skip(start)
            .map_while(|line| {
                Some(bpf_line_info {
                    insn_off: u32::try_from(function.slot(line.offset)?).ok()?,
                    file_name_off: line.file,
                    line_off: line.text,
                    line_col: line.line << 10 | line.column,
                })
            })
            .collect()
    }
}

/// The functions of an object by where they begin.
pub(super) struct Starts(HashMap<(usize, u64), usize>);

impl Starts {
    pub(super) fn of(functions: &[Function]) -> Self {
        let numbered = functions.iter().enumerate();
        Self(
            numbered
                .map(|(number, function)| ((function.section, function.offset), number))
                .collect(),
        )
    }

    /// The function that begins there.
    pub(super) fn at(&self, section: usize, offset: u64) -> Target {
        self.0.get(&(section, offset)).map_or_else(
            || {
                Target::Nothing(format!(
                    "no function begins at byte {offset} of its section"
                ))
            },
            |&number| Target::Function(number),
        )
    }
}

/// Finds out what the instructions of each function refer to. `resolve` gives what a
/// symbol stands for that is not code: its number, and the offset in an instruction.
pub(super) fn refer(
    elf: &Elf<'_>,
    functions: &mut [Function],
    resolve: impl Fn(usize, i32) -> Target,
) {
    let starts = Starts::of(functions);
    let mut tables = HashMap::new();
    for function in functions {
        let section = function.section;
        let table = tables
            .entry(section)
            .or_insert_with(|| program::relocations(elf, section));
        let mut slot = 0;
        while let Some(instruction) = decode(&function.instructions, slot) {
            let at = function.offset + (slot * SLOT) as u64;
            let relocation = table
                .binary_search_by_key(&at, |relocation| relocation.offset)
                .ok()
                .and_then(|index| table.get(index));
            let target = match relocation {
                Some(relocation) => symbol(elf, &starts, relocation.symbol, &instruction, &resolve),
                None => relative(&starts, section, at, &instruction),
            };
            function
                .references
                .extend(target.map(|target| (slot, target)));
            slot += usize::try_from(instruction.slots()).unwrap_or(1);
        }
    }
}

fn decode(code: &[bpf_insn], slot: usize) -> Option<Instruction> {
    let first = code.get(slot)?;
    let high = code.get(slot + 1).map(|next| next.imm);
    Some(Instruction {
        opcode: first.code,
        dst: first.dst_reg(),
        src: first.src_reg(),
        offset: first.off,
        imm: first.imm,
        imm_high: high.filter(|_| first.code == LOAD_WIDE),
    })
}

/// What an instruction with a relocation refers to.
fn symbol(
    elf: &Elf<'_>,
    starts: &Starts,
    index: usize,
    instruction: &Instruction,
    resolve: impl Fn(usize, i32) -> Target,
) -> Option<Target> {
    let is_call = instruction.call().is_some();
    if !is_call && !instruction.is_wide_load() {
        return Some(Target::Nothing(
            "a relocation refers to an instruction that is neither a call nor a load of an address"
                .to_owned(),
        ));
    }
    let symbol = elf.symbols.get(index)?;
    let section = symbol.section.filter(|&section| {
        elf.sections
            .get(section)
            .is_some_and(|home| home.executable)
    });
    let Some(section) = section else {
        return Some(resolve(index, instruction.imm));
    };
    // A call has the distance in slots less one, a load the one in bytes.
    let distance = if is_call {
        (i64::from(instruction.imm) + 1) * SLOT as i64
    } else {
        i64::from(instruction.imm)
    };
    Some(starts.at(section, symbol.value.wrapping_add_signed(distance)))
}

/// What a call within a section calls.
fn relative(starts: &Starts, section: usize, at: u64, instruction: &Instruction) -> Option<Target> {
    use crate::instruction::Reference::Relative;
    let Relative(slots) = instruction.call()? else {
        return None;
    };
    let distance = (i64::from(slots) + 1) * SLOT as i64;
    Some(starts.at(section, at.wrapping_add_signed(distance)))
}
