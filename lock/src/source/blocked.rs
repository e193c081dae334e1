//! Threads that wait for user locks, from `/proc`: waits that began before recording, and waits
//! whose stack was not sampled.

use std::fs;

use lock_common::{ThreadRef, USER_STACK, WaitKind, command, parked};

use crate::{
    arch::call,
    profile::lock_type::Class,
    source::{process_memory, totals::LockKey},
    symbol::{Registers, UserStack},
};

/// In the words of locks whose value is their owner's number: `FUTEX_WAITERS` and
/// `FUTEX_TID_MASK` of the kernel's `include/uapi/linux/futex.h`.
mod word {
    pub(super) const WAITERS: u32 = 1 << 31;
    pub(super) const TID: u32 = 0x3fff_ffff;
}

/// A thread that is blocked in a futex call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockedThread {
    pub(super) tid: u32,
    /// What it waits for.
    pub(super) key: LockKey,
    pub(super) has_timeout: bool,
    /// Where: all but the frame pointer, which `/proc` does not have.
    pub(super) registers: Registers,
    /// What the word was expected to hold.
    value: u32,
    /// The whole call, by which another one is known.
    call: String,
}

impl BlockedThread {
    /// What a thread waits for, if it is in such a call.
    pub(super) fn read(tgid: u32, tid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{tgid}/task/{tid}/syscall")).ok()?;
        Self::parse(tgid, tid, text.trim(), |address| read_memory(tgid, address))
    }

    /// `memory` reads three words of the thread's memory.
    fn parse(
        tgid: u32,
        tid: u32,
        call: &str,
        memory: impl Fn(u64) -> Option<[u64; 3]>,
    ) -> Option<Self> {
        let mut fields = call.split_ascii_whitespace();
        let number: u64 = fields.next()?.parse().ok()?;
        let mut words = [0_u64; 8];
        for word in &mut words {
            *word = u64::from_str_radix(fields.next()?.strip_prefix("0x")?, 16).ok()?;
        }
        let [first, second, third, fourth, fifth, _, sp, ip] = words;
        let (address, value, kind, has_timeout) = match number {
            call::FUTEX => {
                let kind = WaitKind::of_operation(second, third as u32)?;
                (first, third as u32, kind, fourth != 0)
            }
            call::FUTEX_WAIT => {
                let kind = WaitKind::futex2(WaitKind::FUTEX2_WAIT, second as u32, fourth);
                (first, second as u32, kind, fifth != 0)
            }
            call::FUTEX_WAITV => {
                // `struct futex_waitv`: value, address, flags and reserved.
                let [value, address, flags] = memory(first)?;
                let kind = WaitKind::futex2(WaitKind::WAITV, value as u32, flags);
                (address, value as u32, kind, fourth != 0)
            }
            _ => return None,
        };
        let (lock, kind) =
            queue(address, kind, memory).map_or((address, kind), |key| (key, kind.queued()));
        Some(Self {
            tid,
            key: LockKey {
                address: lock,
                tgid,
                kind,
            },
            has_timeout,
            registers: Registers { ip, sp, bp: 0 },
            value,
            call: call.to_owned(),
        })
    }

    /// Whether it is still in the same call.
    pub(super) fn is_still_blocked(&self) -> bool {
        Self::read(self.key.tgid, self.tid).is_some_and(|now| now.call == self.call)
    }

    /// What is on its stack, from the stack pointer upwards, as far as it is mapped.
    pub(super) fn stack(&self) -> Vec<u8> {
        let mut stack = vec![0; USER_STACK];
        let read = process_memory::read(self.key.tgid, self.registers.sp, &mut stack);
        stack.truncate(read.unwrap_or(0));
        stack
    }

    /// The thread that has the lock, where the lock's memory names it: mutexes of glibc, also
    /// robust ones and those with priority inheritance. The thread itself, if it waits for what
    /// it has.
    pub(super) fn owner(&self, stack: Option<&UserStack>) -> Option<ThreadRef> {
        let memory = read_memory(self.key.tgid, self.key.address)?;
        let tid = owner_word(self.key.kind, self.value, stack, memory)? & word::TID;
        let tgid = self.key.tgid;
        if fs::exists(format!("/proc/{tgid}/task/{tid}")).unwrap_or(false) {
            return Some(ThreadRef::new(tgid, tid));
        }
        if self.key.kind.is_private() || tid == 0 {
            return None;
        }
        Some(ThreadRef::new(thread_group(tid)?, tid))
    }
}

/// The key of the queue that a thread is in which waits on a futex of its own.
fn queue(futex: u64, kind: WaitKind, memory: impl Fn(u64) -> Option<[u64; 3]>) -> Option<u64> {
    if kind != WaitKind::futex(command::WAIT as u32, parked::PARKED).private() {
        return None;
    }
    let data = futex.checked_sub(parked::BEFORE_FUTEX)?;
    let ([key, next, unpark], [park, last, _]) = (memory(data)?, memory(data.checked_add(24)?)?);
    parked::queue(&[key, next, unpark, park, last])
}

/// The word of a lock's memory that has its owner's number. `memory` begins at the futex.
fn owner_word(
    kind: WaitKind,
    value: u32,
    stack: Option<&UserStack>,
    memory: [u64; 3],
) -> Option<u32> {
    let [word, third, _] = memory.map(|word| word as u32);
    let command = u64::from(kind.command());
    if matches!(command, command::LOCK_PI | command::LOCK_PI2) {
        return Some(word);
    }
    let stack = stack?;
    if stack.class != Class::Mutex || !is_glibc_mutex(stack) {
        return None;
    }
    // A robust mutex has it in the futex itself.
    let robust = value & word::WAITERS != 0;
    Some(if robust { word } else { third })
}

/// Whether a stack waits within glibc's functions for mutexes: bytes 8 to 11 of its
/// `pthread_mutex_t` are the owner's number.
pub(super) fn is_glibc_mutex(stack: &UserStack) -> bool {
    stack.frames.iter().take(8).any(|frame| {
        frame
            .function
            .as_deref()
            .is_some_and(|name| name.contains("pthread_mutex"))
    })
}

/// Threads of a process that are blocked in futex calls.
pub(super) fn threads_of(pid: u32) -> Vec<BlockedThread> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|tid| BlockedThread::read(pid, tid))
        .collect()
}

/// The process of a thread.
pub(super) fn thread_group(tid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"))?;
    line.trim().parse().ok()
}

fn read_memory(pid: u32, address: u64) -> Option<[u64; 3]> {
    let mut bytes = [0; 24];
    let read = process_memory::read(pid, address, &mut bytes).ok()?;
    let mut words = [0; 3];
    for (word, bytes) in words.iter_mut().zip(bytes.get(..read)?.chunks_exact(8)) {
        *word = u64::from_ne_bytes(bytes.try_into().ok()?);
    }
    (read == bytes.len()).then_some(words)
}

#[cfg(test)]
mod tests {
    use lock_common::WaitKind;

    use super::{BlockedThread, owner_word};

    fn parse(call: &str) -> Option<BlockedThread> {
        BlockedThread::parse(7, 8, call, |address| Some([2, address + 16, 128]))
    }

    #[test]
    fn futex_calls_are_read() {
        let mutex =
            parse("202 0x55d0c0de0010 0x80 0x2 0x0 0x0 0x0 0x7ffd10 0x7f0011").expect("a wait");
        assert_eq!(mutex.key.address, 0x55d0_c0de_0010);
        assert_eq!(mutex.key.kind, WaitKind::futex(0, 2).private());
        assert_eq!(
            (mutex.registers.sp, mutex.registers.ip),
            (0x7f_fd10, 0x7f_0011)
        );
        assert!(!mutex.has_timeout);
        let timed = parse("202 0x10 0x189 0x0 0x7ff0 0x0 0xffffffff 0x1 0x2").expect("a wait");
        assert!(timed.has_timeout);
        assert_eq!(timed.key.kind, WaitKind::futex(9, 0).private().realtime());
        let several = parse("449 0x100 0x1 0x0 0x0 0x0 0x0 0x1 0x2").expect("a wait");
        assert_eq!(several.key.address, 0x110);
        assert_eq!(
            several.key.kind,
            WaitKind::futex(WaitKind::WAITV, 2).private()
        );
    }

    #[test]
    fn a_thread_in_a_queue_waits_for_the_lock_that_has_the_queue() {
        let call = "202 0x7f0020 0x80 0x1 0x0 0x0 0x0 0x1 0x2";
        let thread = |key: u64| {
            BlockedThread::parse(7, 8, call, |address| match address {
                0x7f_0000 => Some([key, 0, 0]),
                0x7f_0018 => Some([0, 1, 0]),
                _ => None,
            })
            .expect("a wait")
        };
        let kind = WaitKind::futex(0, 1).private();
        assert_eq!(thread(0x55d0_0011).key.address, 0x55d0_0011);
        assert_eq!(thread(0x55d0_0011).key.kind, kind.queued());
        assert_eq!(thread(0).key.address, 0x7f_0020);
        assert_eq!(thread(0).key.kind, kind);
    }

    #[test]
    fn other_calls_and_running_threads_are_none() {
        for call in [
            "running",
            "",
            "-1 0x7ffd10 0x7f0011",
            "0 0x3 0x7ff 0x1 0x0 0x0 0x0 0x1 0x2",
            "202 0x10 0x81 0x1 0x0 0x0 0x0 0x1 0x2",
            "202 0x10 0x80",
        ] {
            assert_eq!(parse(call), None, "{call}");
        }
    }

    #[test]
    fn the_word_of_a_pi_mutex_is_its_owner() {
        let memory = [0x8000_0010, 0, 0];
        let word = owner_word(WaitKind::futex(6, 0), 0, None, memory);
        assert_eq!(word, Some(0x8000_0010));
        // Without a stack it is not known whose word it is.
        assert_eq!(owner_word(WaitKind::futex(0, 2), 2, None, memory), None);
    }
}
