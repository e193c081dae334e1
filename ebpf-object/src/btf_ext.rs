//! `.BTF.ext`: what belongs to single instructions, by section: functions, source
//! lines, CO-RE relocations. Source: the kernel's Documentation/bpf/btf.rst.

use std::collections::HashMap;

use ebpf_base::btf::{Btf, ByteOrder, Kind, Words};

/// One source line.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineInfo {
    /// Offset of the instruction in its section, in bytes.
    pub offset: u64,
    /// The file, as a string of the BTF.
    pub file: u32,
    /// The text of the line, as a string of the BTF.
    pub text: u32,
    pub line: u32,
    pub column: u32,
}

/// A field access that a loader mends for the running kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct CoreRelocation {
    /// Offset of the instruction in its section, in bytes.
    pub offset: u64,
    pub type_id: u32,
    /// The path to the field, as a string of the BTF.
    pub access: u32,
    pub kind: u32,
}

impl CoreRelocation {
    /// What it is about, such as `task_struct.pid`. The access string is a list of member indexes
    /// after a first array index; of an enum it is the index of an enumerator.
    pub(super) fn path(&self, btf: &Btf<'_>) -> Option<String> {
        let mut current = btf.resolve(self.type_id)?;
        let mut path = btf.string(current.name).into_owned();
        let access = btf.string(self.access);
        let mut indexes = access
            .split(':')
            .filter_map(|index| index.parse::<usize>().ok());
        let first = indexes.next();
        if matches!(current.kind, Kind::Enum | Kind::Enum64) {
            let name = first.and_then(|index| btf.enumerators(current).nth(index));
            path.extend(name.map(|name| format!(".{}", btf.string(name))));
            return Some(path);
        }
        for index in indexes {
            if !matches!(current.kind, Kind::Struct | Kind::Union) {
                path += &format!("[{index}]");
                break;
            }
            let member = btf.members(current).nth(index)?;
            path += &format!(".{}", btf.string(member.name));
            current = btf.resolve(member.type_id)?;
        }
        Some(path)
    }
}

/// The type of a function.
#[derive(Debug, Clone, Copy)]
pub(super) struct FunctionInfo {
    /// Offset of its first instruction in its section, in bytes.
    pub offset: u64,
    pub type_id: u32,
}

/// Per section name, in order of instructions.
#[derive(Debug, Default)]
pub(super) struct BtfExt {
    pub functions: HashMap<String, Vec<FunctionInfo>>,
    pub lines: HashMap<String, Vec<LineInfo>>,
    pub core_relocations: HashMap<String, Vec<CoreRelocation>>,
}

impl BtfExt {
    /// Reads `.BTF.ext`. The error says what is wrong with it.
    pub(super) fn parse(data: &[u8], btf: &Btf<'_>) -> Result<Self, String> {
        let order = ByteOrder::of_magic(data)
            .ok_or("its BTF.ext does not begin with BTF's magic number")?;
        let header = Words { data, order };
        let header_len = header.u32(4).ok_or("its BTF.ext header is truncated")? as usize;
        let mut ext = Self::default();
        let mut functions: HashMap<u32, Vec<FunctionInfo>> = HashMap::new();
        let mut lines: HashMap<u32, Vec<LineInfo>> = HashMap::new();
        let mut core_relocations: HashMap<u32, Vec<CoreRelocation>> = HashMap::new();
        // The offset and length of each part follow one another; old headers end early.
        for part in 0..3 {
            let at = 8 + part * 8;
            let (Some(offset), Some(len)) = (header.u32(at), header.u32(at + 4)) else {
                break;
            };
            if at + 8 > header_len || len == 0 {
                continue;
            }
            let start = header_len + offset as usize;
            let info = data
                .get(start..start + len as usize)
                .ok_or("the BTF.ext header is damaged: a part lies outside of the data")?;
            for_each_record(info, order, |section, record| {
                let word = |index: usize| record.u32(index * 4);
                match part {
                    0 => functions.entry(section).or_default().push(FunctionInfo {
                        offset: u64::from(word(0)?),
                        type_id: word(1)?,
                    }),
                    1 => lines.entry(section).or_default().push(LineInfo {
                        offset: u64::from(word(0)?),
                        file: word(1)?,
                        text: word(2)?,
                        // BPF_LINE_INFO_LINE_NUM and _COL of the kernel's bpf.h.
                        line: word(3)? >> 10,
                        column: word(3)? & 0x3ff,
                    }),
                    _ => core_relocations
                        .entry(section)
                        .or_default()
                        .push(CoreRelocation {
                            offset: u64::from(word(0)?),
                            type_id: word(1)?,
                            access: word(2)?,
                            kind: word(3)?,
                        }),
                }
                Some(())
            })
            .ok_or("a part of its BTF.ext is truncated")?;
        }
        ext.functions = by_name(functions, btf);
        ext.lines = by_name(lines, btf);
        ext.core_relocations = by_name(core_relocations, btf);
        for lines in ext.lines.values_mut() {
            lines.sort_by_key(|info| info.offset);
        }
        Ok(ext)
    }
}

/// From the string offset of a section's name to the name.
fn by_name<T>(records: HashMap<u32, Vec<T>>, btf: &Btf<'_>) -> HashMap<String, Vec<T>> {
    let mut named: HashMap<String, Vec<T>> = HashMap::with_capacity(records.len());
    for (section, records) in records {
        named
            .entry(btf.string(section).into_owned())
            .or_default()
            .extend(records);
    }
    named
}

/// Calls `each` with the section name and the bytes of every record of a part.
fn for_each_record(
    part: &[u8],
    order: ByteOrder,
    mut each: impl FnMut(u32, Words<'_>) -> Option<()>,
) -> Option<()> {
    let words = Words { data: part, order };
    let record_len = words.u32(0)? as usize;
    if record_len < 8 {
        return None;
    }
    let mut at = 4;
    while at < part.len() {
        let (section, count) = (words.u32(at)?, words.u32(at + 4)? as usize);
        at += 8;
        let records = part.get(at..at.checked_add(count.checked_mul(record_len)?)?)?;
        for data in records.chunks_exact(record_len) {
            each(section, Words { data, order })?;
        }
        at += records.len();
    }
    Some(())
}
