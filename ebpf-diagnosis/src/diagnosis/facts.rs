//! Facts about a rejection that the verifier's words do not contain: they decide which case
//! of its class it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Register,
    catalogue::Fact,
    code::Code,
    note::{Change, Ending, Note},
    story,
};
use crate::{
    object::instruction::{Instruction, Reference},
    verifier_log::{
        log::{EventKind, Log},
        state::Value,
    },
};

/// A call through a register: no kernel has it, and LLVM emits it for each CPU version.
const INDIRECT_CALL: u8 = 0x8d;

/// Helpers that call a function of the program. Source: `__BPF_FUNC_MAPPER` in the kernel's
/// uapi/linux/bpf.h.
const CALLBACK_HELPERS: [i32; 5] = [
    164, // bpf_for_each_map_elem
    170, // bpf_timer_set_callback
    180, // bpf_find_vma
    181, // bpf_loop
    209, // bpf_user_ringbuf_drain
];

/// `bpf_spin_lock`.
const SPIN_LOCK: i32 = 93;

/// Whether a fact holds at the instruction `index`, with these registers. Some facts take a pass
/// over the log.
pub(super) fn holds(
    fact: Fact,
    log: &Log<'_>,
    code: &Code<'_, '_>,
    index: Option<u32>,
    registers: &[Register],
) -> bool {
    let is = |test: fn(&Instruction) -> bool| {
        let instruction = index.and_then(|index| code.instruction(index));
        instruction.as_ref().is_some_and(test)
    };
    let ended = |ending| registers.iter().any(|register| ended_by(register, ending));
    match fact {
        Fact::PacketChanged => ended(Ending::PacketChanged),
        Fact::Released => ended(Ending::Released),
        Fact::VariableOffset => registers.iter().any(is_at_variable_offset),
        Fact::ByHelper => is(|found| matches!(found.call(), Some(Reference::Helper(_)))),
        Fact::ZeroSize => is_zero_size(&log.message),
        Fact::Writes => is(|found| matches!(found.opcode & 7, 2 | 3)),
        Fact::IndirectCall => is(|found| found.opcode == INDIRECT_CALL),
        Fact::LengthCompared => is_length_compared(log, code),
        Fact::TakesLock => is(|found| found.call() == Some(Reference::Helper(SPIN_LOCK))),
        Fact::Recursion => is_recursive(log, code),
        Fact::Callback => callback(code).is_some(),
    }
}

/// The first instruction that passes a function to a helper.
pub(super) fn callback(code: &Code<'_, '_>) -> Option<u32> {
    code.find(|instruction| {
        matches!(instruction.call(), Some(Reference::Helper(helper)) if CALLBACK_HELPERS.contains(&helper))
    })
}

/// Whether a length is rejected because it may be zero. Older kernels report an access of
/// no bytes.
pub(super) fn is_zero_size(message: &[&str]) -> bool {
    message.iter().any(|line| {
        line.contains("invalid zero-sized read")
            || line.ends_with(" size=0")
            || line.contains(" size=0, ")
            || line.ends_with(" access_size=0")
    })
}

fn ended_by(register: &Register, ending: Ending) -> bool {
    register.story.iter().any(|step| match &step.note {
        Some(Note::Changes(changes)) => changes
            .iter()
            .any(|change| matches!(change, Change::Ended(by, _) if *by == ending)),
        _ => false,
    })
}

fn is_at_variable_offset(register: &Register) -> bool {
    register.printed.as_deref().is_some_and(|printed| {
        let value = Value::of(printed);
        value.is_packet() && value.has_variable_offset()
    })
}

/// Whether a packet pointer was subtracted on the way: the compiler may make this of a
/// comparison of pointers, too.
fn is_length_compared(log: &Log<'_>, code: &Code<'_, '_>) -> bool {
    /// How many subtractions of registers are looked at.
    const SUBTRACTIONS: usize = 16;
    let mut path = log.path();
    let mut left = SUBTRACTIONS;
    while let Some(event) = path.next() {
        let EventKind::Instruction(index) = event.kind else {
            continue;
        };
        let subtracted = event
            .instruction()
            .and_then(|text| text.split_once(" -= r"))
            .and_then(|(_, register)| register.parse().ok());
        let Some(register) = subtracted else {
            continue;
        };
        let value = story::before(register, index, path.clone(), code);
        if value.is_some_and(|value| value.is_packet()) {
            return true;
        }
        left -= 1;
        if left == 0 {
            break;
        }
    }
    false
}

/// Whether a function that the verifier went through calls itself, directly or through others.
/// Before Linux 6.12 a call that leads back is reported as a jump.
fn is_recursive(log: &Log<'_>, code: &Code<'_, '_>) -> bool {
    let is_reported = |line: &&str| {
        line.starts_with("recursive call from ") || line.starts_with("back-edge from insn ")
    };
    if log.message.iter().any(is_reported) {
        return true;
    }
    let calls: BTreeSet<(u32, u32)> = log.calls().collect();
    let mut starts: BTreeSet<u32> = code.functions().collect();
    starts.extend(calls.iter().map(|(_, target)| *target));
    let mut callees: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for &(from, target) in &calls {
        let caller = starts.range(..=from).next_back().copied().unwrap_or(0);
        callees.entry(caller).or_default().insert(target);
    }
    callees.keys().any(|start| reaches(&callees, *start))
}

/// Whether calls lead from a function back to it.
fn reaches(callees: &BTreeMap<u32, BTreeSet<u32>>, start: u32) -> bool {
    let mut seen = BTreeSet::new();
    let mut left = vec![start];
    while let Some(function) = left.pop() {
        for &callee in callees.get(&function).into_iter().flatten() {
            if callee == start {
                return true;
            }
            if seen.insert(callee) {
                left.push(callee);
            }
        }
    }
    false
}
