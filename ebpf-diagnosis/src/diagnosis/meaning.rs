//! Plainer words for some verifier messages. Most messages are clear; these contain only
//! numbers, or describe what the verifier did and not the program.

/// The plainer words for a message, if it needs any.
pub(super) fn of(line: &str) -> Option<String> {
    MEANINGS
        .iter()
        .find_map(|(start, meaning)| meaning(line.strip_prefix(start)?))
}

type Meaning = fn(&str) -> Option<String>;

/// By how the line begins; what follows is handed over. Sources: kernel/bpf/verifier.c.
const MEANINGS: &[(&str, Meaning)] = &[
    // -16+8 size 16
    ("invalid read from stack R", unwritten),
    ("invalid indirect read from stack R", unwritten),
    // off (0x0; 0x0)+-32+3 size 8
    ("misaligned stack access off ", |rest| {
        let (_, size) = rest.rsplit_once(" size ")?;
        let size: u32 = size.trim_end().parse().ok()?;
        Some(format!(
            "an access of {size} bytes at a stack address that is not a multiple of {size}"
        ))
    }),
    ("invalid bpf_context access off=", |rest| {
        let (offset, size) = rest.split_once(" size=")?;
        let (offset, size): (i32, u32) = (offset.parse().ok()?, size.trim_end().parse().ok()?);
        Some(format!(
            "an access of {size} bytes at offset {offset} of the context is not allowed"
        ))
    }),
    ("invalid size of register fill", |_| {
        Some("only part of the pointer stored here is read".to_owned())
    }),
    ("BPF_STX uses reserved fields", |_| {
        Some("this kernel does not support this operation".to_owned())
    }),
    ("back-edge from insn ", |rest| {
        let (_, to) = rest.split_once(" to ")?;
        let to: u32 = to.trim_end().parse().ok()?;
        Some(format!("this jumps back to instruction {to}"))
    }),
    ("last insn is not an exit or jmp", |_| {
        Some("this function, or one that it calls, does not end with an exit or a jump".to_owned())
    }),
    ("Unreleased reference id=", |_| {
        Some(
            "the reference that this call returns is not released when the program \
             ends"
                .to_owned(),
        )
    }),
    ("BPF_EXIT instruction ", |rest| {
        rest.contains("cannot be used inside ")
            .then(|| "this is still held when the program ends".to_owned())
    }),
    ("bpf_spin_unlock is missing", |_| {
        Some("this is still held when the program ends".to_owned())
    }),
    ("infinite loop detected at insn ", |_| {
        Some("the verifier reaches this instruction again in the same state".to_owned())
    }),
    ("BPF program is too large. Processed ", |rest| {
        let count: u64 = rest.split(' ').next()?.parse().ok()?;
        Some(format!(
            "the verifier was here when it gave up, after {count} instructions"
        ))
    }),
    ("The sequence of ", |rest| {
        let count: u64 = rest.split(' ').next()?.parse().ok()?;
        rest.contains("jumps is too complex").then(|| {
            format!("{count} branches were pending when the verifier reached this instruction")
        })
    }),
];

/// `2 off -16+8 size 16`: the first byte that has no value is the second number.
fn unwritten(rest: &str) -> Option<String> {
    let (register, rest) = rest.split_once(" off ")?;
    let (offset, size) = rest.split_once(" size ")?;
    let (_, byte) = offset.rsplit_once('+')?;
    let (register, byte): (u8, u32) = (register.parse().ok()?, byte.parse().ok()?);
    let size: u32 = size.trim_end().parse().ok()?;
    Some(format!(
        "the byte at offset {byte} of the {size} bytes that r{register} points to is uninitialised"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_has_a_meaning() {
        assert_eq!(
            of("invalid indirect read from stack R2 off -16+8 size 16").as_deref(),
            Some("the byte at offset 8 of the 16 bytes that r2 points to is uninitialised")
        );
        assert!(of("Unreleased reference id=2 alloc_insn=4").is_some());
        for text in [
            "",
            "invalid read from stack R2 off -16 size 16",
            "invalid read from stack R2 off -16+x size 16",
            "BPF program is too large. Processed many insn",
            "The sequence of 3 things",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
