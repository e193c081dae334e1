//! System calls that wait for futexes.

use crate::WaitKind;

/// Commands and flags: the kernel's `include/uapi/linux/futex.h`.
pub mod command {
    /// `FUTEX_WAIT`.
    pub const WAIT: u64 = 0;
    /// `FUTEX_WAKE`.
    pub const WAKE: u64 = 1;
    /// `FUTEX_REQUEUE`.
    pub const REQUEUE: u64 = 3;
    /// `FUTEX_CMP_REQUEUE`.
    pub const CMP_REQUEUE: u64 = 4;
    /// `FUTEX_WAKE_OP`.
    pub const WAKE_OP: u64 = 5;
    /// `FUTEX_LOCK_PI`.
    pub const LOCK_PI: u64 = 6;
    /// `FUTEX_UNLOCK_PI`.
    pub const UNLOCK_PI: u64 = 7;
    /// `FUTEX_WAIT_BITSET`.
    pub const WAIT_BITSET: u64 = 9;
    /// `FUTEX_WAKE_BITSET`.
    pub const WAKE_BITSET: u64 = 10;
    /// `FUTEX_WAIT_REQUEUE_PI`.
    pub const WAIT_REQUEUE_PI: u64 = 11;
    /// `FUTEX_CMP_REQUEUE_PI`.
    pub const CMP_REQUEUE_PI: u64 = 12;
    /// `FUTEX_LOCK_PI2`.
    pub const LOCK_PI2: u64 = 13;
    /// All but the flags: `FUTEX_CMD_MASK`.
    pub const MASK: u64 = 0x7f;
    /// `FUTEX_PRIVATE_FLAG`.
    pub const PRIVATE: u64 = 128;
    /// `FUTEX_CLOCK_REALTIME`.
    pub const REALTIME: u64 = 256;
    /// `FUTEX2_PRIVATE`, the same bit in the calls from Linux 5.16 and 6.7.
    pub const PRIVATE2: u64 = 128;
}

impl WaitKind {
    /// A wait in the call `futex` with this operation, on a futex that has `value`. None if the
    /// operation does not wait.
    #[inline(always)]
    pub const fn of_operation(operation: u64, value: u32) -> Option<Self> {
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
        let mut kind = Self::futex(command as u32, value);
        if operation & command::PRIVATE != 0 {
            kind = kind.private();
        }
        if operation & command::REALTIME != 0 {
            kind = kind.realtime();
        }
        Some(kind)
    }

    /// A wait in one of the later calls, [`WAITV`](Self::WAITV) or
    /// [`FUTEX2_WAIT`](Self::FUTEX2_WAIT), with these flags.
    #[inline(always)]
    pub const fn futex2(call: u32, value: u32, flags: u64) -> Self {
        let kind = Self::futex(call, value);
        if flags & command::PRIVATE2 != 0 {
            kind.private()
        } else {
            kind
        }
    }
}
