//! Facts about a rejection that the verifier's words do not contain: they decide which case
//! of its class it is.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Register, Step,
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

/// Helpers whose length must not be zero: `ARG_CONST_SIZE` in their prototypes, in the kernel's
/// net/core/filter.c, kernel/bpf/helpers.c and kernel/trace/bpf_trace.c.
const NOT_ZERO: [i32; 12] = [
    6,   // bpf_trace_printk
    9,   // bpf_skb_store_bytes
    16,  // bpf_get_current_comm
    26,  // bpf_skb_load_bytes
    29,  // bpf_skb_get_tunnel_opt
    30,  // bpf_skb_set_tunnel_opt
    36,  // bpf_probe_write_user
    49,  // bpf_setsockopt
    57,  // bpf_getsockopt
    68,  // bpf_skb_load_bytes_relative
    189, // bpf_xdp_load_bytes
    190, // bpf_xdp_store_bytes
];

/// `bpf_ringbuf_reserve_dynptr`.
const RESERVE_DYNPTR: i32 = 198;

/// Helpers with an argument that must be a constant string: `ARG_PTR_TO_CONST_STR` in their
/// prototypes, in the kernel's kernel/bpf/helpers.c.
const WITH_STRING: [i32; 2] = [
    165, // bpf_snprintf
    182, // bpf_strncmp
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
        Fact::Metadata => registers.iter().any(is_metadata),
        Fact::Dynptr => is(|found| found.call() == Some(Reference::Helper(RESERVE_DYNPTR))),
        Fact::ConstantString => {
            is(
                |found| matches!(found.call(), Some(Reference::Helper(helper)) if WITH_STRING.contains(&helper)),
            ) && log.message.iter().any(|line| is_of_string(line))
        }
        Fact::ByHelper => is(|found| matches!(found.call(), Some(Reference::Helper(_)))),
        Fact::ZeroSize => is_zero_size(&log.message),
        Fact::RejectsZero => is(
            |found| matches!(found.call(), Some(Reference::Helper(helper)) if NOT_ZERO.contains(&helper)),
        ),
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

/// What the verifier reports of an argument that must be a constant string.
fn is_of_string(line: &str) -> bool {
    line.trim_end().ends_with("expected=map_value")
        || line.ends_with("does not point to a readonly map'")
        || line.ends_with("is not a constant address'")
        || line == "string is not zero-terminated"
}

/// Whether a register is a pointer to packet metadata: by its state, or, as Linux 5.10 prints few
/// states, by where it was read.
fn is_metadata(register: &Register) -> bool {
    /// `data_meta` in `struct xdp_md` and in `struct __sk_buff`.
    const OFFSETS: [&str; 2] = [" +8)", " +140)"];
    let is_read = |step: &Step| {
        let read = match &step.note {
            Some(Note::Changes(changes)) => changes
                .iter()
                .any(|change| matches!(change, Change::Read(story::CONTEXT))),
            _ => false,
        };
        read && OFFSETS.iter().any(|offset| step.text.ends_with(offset))
    };
    register.named
        && match &register.printed {
            Some(printed) => printed.starts_with("pkt_meta"),
            None => register.story.iter().any(is_read),
        }
}

/// Whether the instruction that the log ends with changes a register by an operator other than
/// addition and subtraction.
pub(super) fn is_other_operator(log: &Log<'_>, index: u32) -> bool {
    const OPERATORS: [&str; 8] = ["&=", "|=", "^=", "*=", "/=", "%=", "<<=", ">>="];
    let mut path = log.path();
    let event = path.find(|event| event.kind == EventKind::Instruction(index));
    let operator = event.and_then(|event| event.instruction()?.split(' ').nth(1));
    operator.is_some_and(|operator| OPERATORS.contains(&operator))
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
