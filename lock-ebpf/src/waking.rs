//! How a thread that waits for a user lock is woken.

use lock_common::{Block, command};

use crate::{
    arch::{Register, call},
    task::{self, Registers, Thread},
};

/// The cause of a wake-up.
pub enum Waking {
    /// By a thread that released what it waits for.
    Release,
    /// By the end of a thread.
    Exit,
    /// By its timeout.
    Timeout,
    /// By a signal.
    Signal,
}

impl Waking {
    /// By what the current thread is doing, as it wakes one that waits.
    #[inline(always)]
    pub fn of(registers: Registers, waker: Thread, block: &Block) -> Self {
        match registers.get(Register::OrigAx) {
            call::FUTEX => {
                let command = registers.get(Register::Si) & command::MASK;
                let wakes_this = match command {
                    // An interrupt can hit a thread that wakes another one.
                    command::WAKE | command::WAKE_BITSET => {
                        !block.kind.is_private()
                            || waker.tgid == block.tgid
                                && registers.get(Register::Di) == block.address
                    }
                    command::REQUEUE
                    | command::CMP_REQUEUE
                    | command::WAKE_OP
                    | command::UNLOCK_PI
                    | command::CMP_REQUEUE_PI => {
                        !block.kind.is_private() || waker.tgid == block.tgid
                    }
                    _ => false,
                };
                if wakes_this {
                    return Self::Release;
                }
            }
            call::FUTEX_WAKE | call::FUTEX_REQUEUE => return Self::Release,
            call::KILL
            | call::TKILL
            | call::TGKILL
            | call::RT_SIGQUEUEINFO
            | call::RT_TGSIGQUEUEINFO => return Self::Signal,
            // Where others are killed with it. An interrupt can hit a process that ends, too.
            call::EXIT_GROUP if waker.tgid == block.tgid => return Self::Signal,
            _ => {}
        }
        let may_end_it =
            waker.tgid == block.tgid || !block.kind.is_private() && block.has_timeout == 0;
        if may_end_it && task::is_exiting(task::current()) {
            Self::Exit
        } else if block.has_timeout != 0 {
            Self::Timeout
        } else {
            Self::Signal
        }
    }
}
