//! Threads that wait for a lock of Rust's `parking_lot`, or of what is built on it: each sleeps on
//! a futex of its own, whatever the lock, and is in a queue by the lock's address.

/// The value of such a thread's futex while it waits.
pub const PARKED: u32 = 1;

/// How many bytes of [`ThreadData`] precede the futex.
pub const BEFORE_FUTEX: u64 = 32;

/// The thread's `ThreadData` of `parking_lot_core` 0.9, in the order that rustc gives to its fields:
/// the queue's key, the next thread in the queue, a token each of waker and waiter, and in the last
/// word the futex and whether there is a timeout.
pub type ThreadData = [u64; 5];

/// The key of the queue that a thread with this memory is in: the address of a lock, or one more,
/// as rwlocks have two queues. `None` if it is other memory.
#[inline]
pub const fn queue(memory: &ThreadData) -> Option<u64> {
    let [key, next, unpark_token, park_token, last] = *memory;
    let is_thread_data = is_address(key)
        && (next == 0 || is_address(next) && next % 8 == 0)
        && unpark_token < TOKENS
        && park_token < TOKENS
        && last as u32 == PARKED
        && last >> 32 & 0xff <= 1;
    if is_thread_data { Some(key) } else { None }
}

/// More than `parking_lot`'s and `dashmap`'s locks give each other as tokens.
const TOKENS: u64 = 1 << 16;

/// Whether a program can have something there.
#[inline]
const fn is_address(address: u64) -> bool {
    address >= 1 << 12 && address < 1 << 47
}

#[cfg(test)]
mod tests {
    use super::queue;

    #[test]
    fn only_thread_data_has_a_queue() {
        let thread = [0x55d0_c0de_0011, 0, 0, 0, 1];
        assert_eq!(queue(&thread), Some(0x55d0_c0de_0011));
        // A reader behind another one, with a timeout, and the padding as it comes.
        let reader = [
            0x55d0_c0de_0010,
            0x7f00_0000_0018,
            1,
            16,
            0xabcd_ef01_0000_0001,
        ];
        assert_eq!(queue(&reader), Some(0x55d0_c0de_0010));
        for (word, value) in [
            (0, 0),
            (0, 1 << 47),
            (1, 0x7f00_0000_0017),
            (1, 8),
            (2, 0x7f00_0000_0018),
            (3, 1 << 16),
            (4, 0),
            (4, 2),
            (4, 0x2_0000_0001),
        ] {
            let mut other = thread;
            other[word] = value;
            assert_eq!(queue(&other), None, "{word}: {value:#x}");
        }
    }
}
