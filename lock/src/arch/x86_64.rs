//! x86-64.

use std::ops::Range;

pub(crate) use framehop::x86_64::{
    CacheX86_64 as UnwinderCache, UnwindRegsX86_64 as UnwinderRegisters, UnwinderX86_64 as Unwinder,
};

/// Where the kernel's image is mapped, and modules behind it: `__START_KERNEL_map` of its
/// `arch/x86/include/asm/page_64_types.h`. What is allocated while it runs is below.
pub(crate) const KERNEL_IMAGE: u64 = 0xffff_ffff_8000_0000;

/// The first address of what is loaded while the kernel runs: modules and BPF programs
/// (`MODULES_VADDR` of its `arch/x86/include/asm/pgtable_64_types.h` is this or higher).
pub(crate) const KERNEL_LOADED_LATER: u64 = 0xffff_ffff_c000_0000;

/// Numbers of system calls: the kernel's `arch/x86/entry/syscalls/syscall_64.tbl`.
pub(crate) mod call {
    pub(crate) const FUTEX: u64 = 202;
    pub(crate) const FUTEX_WAITV: u64 = 449;
    pub(crate) const FUTEX_WAIT: u64 = 455;
}

/// Opcodes of jumps with an offset of 32 bits: `jmp`, and the second byte of `jcc`.
const JUMP: u8 = 0xe9;
const CONDITIONAL: u8 = 0x0f;
const CONDITIONS: Range<u8> = 0x80..0x90;

/// Where the jumps of code lead that begins at `start`. Bytes that only look like a jump are
/// among them.
pub(crate) fn jumps(start: u64, code: &[u8]) -> impl Iterator<Item = u64> {
    code.windows(6)
        .enumerate()
        .chain(last_jump(code))
        .filter_map(move |(at, bytes)| {
            let (length, offset) = match *bytes {
                [JUMP, a, b, c, d, ..] => (5, [a, b, c, d]),
                [CONDITIONAL, condition, a, b, c, d] if CONDITIONS.contains(&condition) => {
                    (6, [a, b, c, d])
                }
                _ => return None,
            };
            let target = start
                .wrapping_add(at as u64)
                .wrapping_add(length)
                .wrapping_add_signed(i64::from(i32::from_le_bytes(offset)));
            Some(target)
        })
}

/// The five bytes that code ends with: `windows` of six leave them out.
fn last_jump(code: &[u8]) -> Option<(usize, &[u8])> {
    let at = code.len().checked_sub(5)?;
    Some((at, code.get(at..)?))
}
