//! The system calls of futexes, as the registers of a thread show them.

use aya_ebpf::helpers::bpf_probe_read_user;
use lock_common::{
    WaitKind, command,
    parked::{self, BEFORE_FUTEX, ThreadData},
};

use crate::{
    arch::{self, Register, call, call_32},
    task::Registers,
};

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
                let flags = registers.get(Register::R10);
                let kind = WaitKind::futex2(WaitKind::FUTEX2_WAIT, value, flags);
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
        let kind = WaitKind::of_operation(operation, registers.get(Register::Dx) as u32)?;
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
        let kind = WaitKind::futex2(WaitKind::WAITV, value as u32, flags);
        Some(Self {
            address,
            kind,
            has_timeout: registers.get(Register::R10) != 0,
        })
    }

    /// The same with what stands for the lock: where the futex is the thread's own, and the lock
    /// has the thread in a queue, the queue's key.
    #[inline(always)]
    pub fn lock(self) -> (u64, WaitKind) {
        const PARKED: WaitKind = WaitKind::futex(command::WAIT as u32, parked::PARKED).private();
        if self.kind == PARKED {
            let data = self.address.wrapping_sub(BEFORE_FUTEX) as *const ThreadData;
            // SAFETY: the helper checks the address.
            let memory = unsafe { bpf_probe_read_user(data) };
            if let Some(key) = memory.ok().and_then(|memory| parked::queue(&memory)) {
                return (key, self.kind.queued());
            }
        }
        (self.address, self.kind)
    }

    /// The number of the thread that owns it, where glibc's mutexes have it: in bytes 8 to 11 of
    /// a `pthread_mutex_t`, with priority inheritance in the futex's word itself. Glibc waits for
    /// mutexes with these commands, and for most else with others. Zero if it cannot be read.
    #[inline(always)]
    pub fn owner(self) -> u32 {
        let offset = match u64::from(self.kind.command()) {
            command::WAIT => 8,
            // `pthread_mutex_timedlock`.
            command::WAIT_BITSET if self.has_timeout => 8,
            command::LOCK_PI | command::LOCK_PI2 => 0,
            _ => return 0,
        };
        let word = self.address.wrapping_add(offset) as *const u32;
        // SAFETY: the helper checks the address.
        unsafe { bpf_probe_read_user(word) }.unwrap_or(0)
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
