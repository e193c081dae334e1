//! x86-64.

/// Size of a kernel stack, which ends with the registers: `THREAD_SIZE` of the kernel's
/// `arch/x86/include/asm/page_64_types.h` without KASAN.
pub const THREAD_SIZE: usize = 16 << 10;

/// Size of `struct pt_regs`, in words.
pub const REGISTERS: usize = 21;

/// Positions in `struct pt_regs` of the kernel's `arch/x86/include/asm/ptrace.h`, in words.
#[derive(Clone, Copy)]
#[repr(usize)]
pub enum Register {
    Bp = 4,
    R10 = 7,
    R8 = 9,
    Dx = 12,
    Si = 13,
    Di = 14,
    OrigAx = 15,
    Ip = 16,
    Cs = 17,
    Sp = 19,
}

/// Numbers of system calls: the kernel's `arch/x86/entry/syscalls/syscall_64.tbl`.
pub mod call {
    pub const KILL: u64 = 62;
    pub const RT_SIGQUEUEINFO: u64 = 129;
    pub const TKILL: u64 = 200;
    pub const FUTEX: u64 = 202;
    pub const EXIT_GROUP: u64 = 231;
    pub const TGKILL: u64 = 234;
    pub const RT_TGSIGQUEUEINFO: u64 = 297;
    pub const FUTEX_WAITV: u64 = 449;
    pub const FUTEX_WAKE: u64 = 454;
    pub const FUTEX_WAIT: u64 = 455;
    pub const FUTEX_REQUEUE: u64 = 456;
}

/// Numbers of system calls of 32-bit programs: the kernel's
/// `arch/x86/entry/syscalls/syscall_32.tbl`.
pub mod call_32 {
    pub const FUTEX: u64 = 240;
    pub const FUTEX_TIME64: u64 = 422;
}

/// Whether the code segment is that of 32-bit programs: `__USER32_CS` of the kernel's
/// `arch/x86/include/asm/segment.h`.
#[inline(always)]
pub const fn is_32_bit(cs: u64) -> bool {
    cs & 0xffff == 0x23
}
