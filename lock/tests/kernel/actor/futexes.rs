//! A thread that waits for very many futexes, once for each: every other one is woken, the
//! others time out.

use std::{
    io, ptr,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
    thread,
};

use serde_json::json;

use super::{await_begin, tell, waiters::voluntary_switches};

/// How many there are.
const FUTEXES: usize = 20_000;

/// How long a wait lasts that nobody ends.
const TIMEOUT_NS: i64 = 20_000;

/// Waits for the sign, then for all of them, and tells where they are and how often the
/// thread waited: woken or timed out, as a release in the moment of the timeout may be
/// either.
pub(super) fn act() -> io::Result<()> {
    static WORDS: [AtomicU32; FUTEXES] = [const { AtomicU32::new(0) }; FUTEXES];
    // The one that is waited for; all before it are done with.
    static CURRENT: AtomicUsize = AtomicUsize::new(0);
    let first = ptr::from_ref(&WORDS) as usize;
    tell(&json!({
        "pid": std::process::id(),
        "from": first,
        "until": first + size_of_val(&WORDS),
    }))?;
    await_begin()?;
    let waker = thread::spawn(|| {
        loop {
            let current = CURRENT.load(Ordering::Acquire);
            if current >= FUTEXES {
                return;
            }
            if current.is_multiple_of(2) && call(&WORDS[current], libc::FUTEX_WAKE, 1, None) > 0 {
                // Until the woken one goes on, there is nobody to wake.
            }
            thread::yield_now();
        }
    });
    let (mut woken, mut timed_out) = (0, 0);
    for (number, word) in WORDS.iter().enumerate() {
        CURRENT.store(number, Ordering::Release);
        let before = voluntary_switches();
        let is_woken = number.is_multiple_of(2);
        let timeout = (!is_woken).then_some(libc::timespec {
            tv_sec: 0,
            tv_nsec: TIMEOUT_NS,
        });
        call(word, libc::FUTEX_WAIT, 0, timeout.as_ref());
        let waits = voluntary_switches() - before;
        *(if is_woken { &mut woken } else { &mut timed_out }) += waits;
    }
    CURRENT.store(FUTEXES, Ordering::Release);
    waker.join().expect("no panic");
    tell(&json!({ "woken": woken, "timed_out": timed_out }))
}

fn call(word: &AtomicU32, operation: i32, value: u32, timeout: Option<&libc::timespec>) -> i64 {
    // SAFETY: a live word; a timeout that is read, or none.
    unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            operation | libc::FUTEX_PRIVATE_FLAG,
            value,
            timeout.map_or(ptr::null(), ptr::from_ref),
        )
    }
}
