//! The records in the object: those that clang makes, and offsets that follow any layout.

use std::{collections::BTreeMap, process::ExitCode};

use ebpf_base::btf::{Btf, Kind, Layout};
use ebpf_object::{
    Object, disassembly,
    link::{Unit, core::KernelTypes},
};
use relocatable_tests::OBJECT;
use test_support::{
    Failed, Need, Outcome, Suite,
    machine::{KERNEL_BTF, TOOLCHAIN},
    tests,
};

/// The same declarations in C, and all questions about them: `yardstick.c`, by clang.
const YARDSTICK: &[u8] = include_bytes!("yardstick.o");

/// The programs, which `EBPF_TEST_REQUIRE=toolchain cargo test -p relocatable-tests` builds.
const BUILT: Need = Need {
    name: TOOLCHAIN.name,
    check: || ebpf_base::stub::reason(OBJECT).map_or(Ok(()), |reason| Err(reason.into_owned())),
};

/// The class of an instruction, and that of loads through a register (BPF_LDX).
const CLASS: u8 = 0x07;
const LOAD: u8 = 0x01;

fn main() -> ExitCode {
    Suite::new()
        .needing(&[BUILT])
        .tests(tests![
            records_are_those_of_clang,
            shuffled_members_are_found: [KERNEL_BTF],
            members_of_another_size_fit: [KERNEL_BTF],
        ])
        .run()
}

/// An instruction with a record.
struct Record {
    function: String,
    index: usize,
    /// What it asks, such as `offset of task_struct.pid`.
    question: String,
}

fn records(bytes: &[u8]) -> Result<Vec<Record>, Failed> {
    let object = Object::parse(bytes)?;
    let mut records = Vec::new();
    for listing in disassembly::listings(bytes, &object)? {
        for line in listing.code {
            let note = line.note.as_ref().map(|note| note.as_str());
            let Some(question) = note.and_then(|note| note.strip_prefix("CO-RE: ")) else {
                continue;
            };
            records.push(Record {
                function: listing.function.name.as_str().to_owned(),
                index: usize::try_from(line.index)?,
                question: question.to_owned(),
            });
        }
    }
    Ok(records)
}

/// What the instruction of each record has in place of the answer: its immediate operand, or
/// the offset of a load.
fn operands(unit: &Unit<'_>, records: &[Record]) -> Result<Vec<i32>, Failed> {
    let operand = |record: &Record| {
        let function = unit
            .functions
            .iter()
            .find(|function| function.name == record.function)?;
        let instruction = function.instructions.get(record.index)?;
        Some(match instruction.code & CLASS {
            LOAD => i32::from(instruction.off),
            _ => instruction.imm,
        })
    };
    let found: Option<Vec<i32>> = records.iter().map(operand).collect();
    Ok(found.ok_or("a record outside of the code")?)
}

/// What each question is answered with for the object's own types.
fn answers(bytes: &[u8]) -> Result<BTreeMap<String, i32>, Failed> {
    let records = records(bytes)?;
    let answers = operands(&Unit::parse(bytes)?, &records)?;
    let questions = records.into_iter().map(|record| record.question);
    Ok(questions.zip(answers).collect())
}

fn records_are_those_of_clang() -> Outcome {
    let (ours, clangs) = (answers(OBJECT)?, answers(YARDSTICK)?);
    // The programs ask of each kind of record.
    for kind in [
        "offset of",
        "size of",
        "existence of",
        "signedness of",
        "left shift of",
        "right shift of",
        "existence of type",
        "size of type",
        "existence of value",
        "value of",
    ] {
        if !ours.keys().any(|question| question.starts_with(kind)) {
            return Err(format!("no record asks for the {kind} anything").into());
        }
    }
    for (question, answer) in &ours {
        match clangs.get(question) {
            Some(same) if same == answer => {}
            other => return Err(format!("{question}: {answer}, and in C {other:?}").into()),
        }
    }
    Ok(())
}

/// The running kernel's types, where all members of structs have other places and another order.
fn shuffled() -> Result<Vec<u8>, Failed> {
    const MEMBER: usize = 12;
    let mut bytes = std::fs::read("/sys/kernel/btf/vmlinux")?;
    let types = Layout::parse(&bytes)?.types;
    let word = |bytes: &[u8], at: usize| -> Option<u32> {
        Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
    };
    let mut at = types.start;
    while at < types.end {
        let info = word(&bytes, at + 4).ok_or("cut short")?;
        let kind = Kind::of_number(info >> 24 & 0x1f).ok_or("an unknown kind")?;
        let (bit_fields, count) = (info >> 31 == 1, info as u16);
        let members = at + 12..at + 12 + kind.following(count);
        if kind == Kind::Struct {
            let structure = bytes.get_mut(members.clone()).ok_or("cut short")?;
            let old: Vec<[u8; MEMBER]> = structure.as_chunks().0.to_vec();
            let new = structure.as_chunks_mut::<MEMBER>().0;
            for (index, (new, old)) in (0..).zip(new.iter_mut().zip(old.iter().rev())) {
                let place = word(old, 8).ok_or("cut short")?;
                // A bit field stays where it was in its word.
                let moved = match bit_fields && place >> 24 != 0 {
                    true => place + 512,
                    false => 512 * index,
                };
                *new = *old;
                new[8..].copy_from_slice(&moved.to_ne_bytes());
            }
        }
        at = members.end;
    }
    Ok(bytes)
}

/// `on_rq` is declared with four bytes, and has one in later kernels. A load of another size at
/// the record itself would be rejected.
fn members_of_another_size_fit() -> Outcome {
    let kernel = Btf::parse(std::fs::read("/sys/kernel/btf/vmlinux")?)?;
    let mut unit = Unit::parse(OBJECT)?;
    unit.fit(Some(&KernelTypes::of(&kernel)));
    for program in &unit.programs {
        if let Err(failure) = unit.assemble(program) {
            return Err(format!("{}: {failure:?}", program.name).into());
        }
    }
    Ok(())
}

fn shuffled_members_are_found() -> Outcome {
    let bytes = shuffled()?;
    let kernel = Btf::parse(&*bytes)?;
    let original = Btf::parse(std::fs::read("/sys/kernel/btf/vmlinux")?)?;
    let records = records(OBJECT)?;
    let mut unit = Unit::parse(OBJECT)?;
    unit.fit(Some(&KernelTypes::of(&kernel)));
    let mut compared = 0;
    for (record, offset) in records.iter().zip(operands(&unit, &records)?) {
        let Some(path) = record.question.strip_prefix("offset of ") else {
            continue;
        };
        let (structure, member) = path.split_once('.').ok_or("an offset of no member")?;
        let structure = structure.split("___").next().unwrap_or_default();
        let Some(expected) = kernel.field_offset(structure, member) else {
            continue;
        };
        if u32::try_from(offset) != Ok(expected) {
            return Err(format!("{path} is at {expected}, and would be read at {offset}").into());
        }
        if original.field_offset(structure, member) != Some(expected) {
            compared += 1;
        }
    }
    match compared {
        0..10 => Err(format!("only {compared} members have moved").into()),
        _ => Ok(()),
    }
}
