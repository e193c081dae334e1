//! The system calls of futexes, as the registers of a thread show them.

use aya_ebpf::helpers::bpf_probe_read_user;
use lock_common::WaitKind;

use crate::{
    arch::{self, Register, call, call_32},
    task::Registers,
};

/// Commands and flags: the kernel's `include/uapi/linux/futex.h`.
pub mod command {
    pub const WAIT: u64 = 0;
    pub const WAKE: u64 = 1;
    pub const REQUEUE: u64 = 3;
    pub const CMP_REQUEUE: u64 = 4;
    pub const WAKE_OP: u64 = 5;
    pub const LOCK_PI: u64 = 6;
    pub const UNLOCK_PI: u64 = 7;
    pub const WAIT_BITSET: u64 = 9;
    pub const WAKE_BITSET: u64 = 10;
    pub const WAIT_REQUEUE_PI: u64 = 11;
    pub const CMP_REQUEUE_PI: u64 = 12;
    pub const LOCK_PI2: u64 = 13;
    pub const MASK: u64 = 0x7f;
    pub const PRIVATE: u64 = 128;
    pub const REALTIME: u64 = 256;
    /// `FUTEX2_PRIVATE`, the same bit in the calls from Linux 5.16 and 6.7.
    pub const PRIVATE2: u64 = 128;
}

/// A futex that a thread waits for.
#[derive(Clone, Copy)]
pub struct Futex {
    pub address: u64,
    pub kind: WaitKind,
    pub has_timeout: bool,
}

impl Futex {
    /// The futex that a thread with these registers waits for, if it is in such a system call.
    #[inline(always)]
    pub fn waited_for(registers: Registers) -> Option<Self> {
        match registers.get(Register::OrigAx) {
            call::FUTEX => Self::of_futex(registers),
            call::FUTEX_WAITV => Self::first_of_waitv(registers),
            call::FUTEX_WAIT => {
                let value = registers.get(Register::Si) as u32;
                let mut kind = WaitKind::futex(WaitKind::FUTEX2_WAIT, value);
                if registers.get(Register::R10) & command::PRIVATE2 != 0 {
                    kind = kind.private();
                }
                Some(Self {
                    address: registers.get(Register::Di),
                    kind,
                    // The timeout is the fifth argument, which has no other use.
                    has_timeout: registers.get(Register::R8) != 0,
                })
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn of_futex(registers: Registers) -> Option<Self> {
        let operation = registers.get(Register::Si);
        let command = operation & command::MASK;
        if !matches!(
            command,
            command::WAIT
                | command::WAIT_BITSET
                | command::LOCK_PI
                | command::LOCK_PI2
                | command::WAIT_REQUEUE_PI
        ) {
            return None;
        }
        let value = registers.get(Register::Dx) as u32;
        let mut kind = WaitKind::futex(command as u32, value);
        if operation & command::PRIVATE != 0 {
            kind = kind.private();
        }
        if operation & command::REALTIME != 0 {
            kind = kind.realtime();
        }
        Some(Self {
            address: registers.get(Register::Di),
            kind,
            has_timeout: registers.get(Register::R10) != 0,
        })
    }

    /// The first of the futexes that `futex_waitv` waits for.
    #[inline(always)]
    fn first_of_waitv(registers: Registers) -> Option<Self> {
        /// `struct futex_waitv`: value, address, flags and reserved.
        type Waiter = [u64; 3];
        let waiters = registers.get(Register::Di) as *const Waiter;
        // SAFETY: the helper checks the address.
        let [value, address, flags] = unsafe { bpf_probe_read_user(waiters) }.ok()?;
        let mut kind = WaitKind::futex(WaitKind::WAITV, value as u32);
        if flags & command::PRIVATE2 != 0 {
            kind = kind.private();
        }
        Some(Self {
            address,
            kind,
            has_timeout: registers.get(Register::R10) != 0,
        })
    }

    /// Whether it is locked with priority inheritance.
    #[inline(always)]
    pub fn is_pi(self) -> bool {
        let command = u64::from(self.kind.command());
        command == command::LOCK_PI || command == command::LOCK_PI2
    }
}

/// Whether a thread with these registers is in a futex call of a 32-bit program, whose arguments
/// are not read here.
#[inline(always)]
pub fn is_32_bit_call(registers: Registers) -> bool {
    matches!(
        registers.get(Register::OrigAx),
        call_32::FUTEX | call_32::FUTEX_TIME64
    ) && arch::is_32_bit(registers.get(Register::Cs))
}

/// Whether a thread with these registers is in a system call that wakes those who wait for a
/// futex.
#[inline(always)]
pub fn wakes(registers: Registers) -> bool {
    matches!(
        registers.get(Register::OrigAx),
        call::FUTEX | call::FUTEX_WAKE | call::FUTEX_REQUEUE
    )
}
