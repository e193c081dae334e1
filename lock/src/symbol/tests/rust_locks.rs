//! The locks of Rust's library and of parking_lot, in a child of this very process.

use std::{
    sync::{Arc, Barrier, Condvar, Mutex, Once, RwLock, mpsc},
    thread,
    time::Duration,
};

use super::waiting_process::{caller, functions, waiter};
use crate::{profile::lock_type::Class, symbol::Symbols};

/// A child process that ends with the test.
struct Forked(libc::pid_t);

impl Drop for Forked {
    fn drop(&mut self) {
        // SAFETY: the child is ours, and not waited for yet.
        unsafe {
            libc::kill(self.0, libc::SIGKILL);
            libc::waitpid(self.0, std::ptr::null_mut(), 0);
        }
    }
}

impl Forked {
    /// A child whose second thread does what is given.
    fn new(wait: fn()) -> Self {
        // SAFETY: the child starts a thread and sleeps: the allocator is all it shares, and
        // glibc's can be used after a fork.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: it ends with its parent.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            let thread = thread::spawn(move || wants_lock(wait));
            thread::sleep(Duration::from_secs(600));
            drop(thread);
        }
        assert!(pid > 0);
        Self(pid)
    }
}

#[inline(never)]
fn wants_lock(wait: fn()) {
    std::hint::black_box(wait)();
    std::hint::black_box(());
}

fn keep<T>(held: T) {
    std::mem::forget(held);
}

fn std_mutex() {
    let mutex = Mutex::new(());
    keep(mutex.lock());
    keep(mutex.lock());
}

fn std_read() {
    let lock = RwLock::new(());
    keep(lock.write());
    keep(lock.read());
}

fn std_write() {
    let lock = RwLock::new(());
    keep(lock.read());
    keep(lock.write());
}

fn std_condvar() {
    let mutex = Mutex::new(());
    keep(Condvar::new().wait(mutex.lock().unwrap()));
}

fn std_channel() {
    let (sender, receiver) = mpsc::channel::<()>();
    keep(receiver.recv());
    keep(sender);
}

fn std_park() {
    thread::park();
}

fn std_join() {
    let _ = thread::spawn(|| thread::sleep(Duration::from_secs(600))).join();
}

fn std_barrier() {
    Barrier::new(2).wait();
}

fn std_once() {
    static ONCE: Once = Once::new();
    let started = Arc::new(Barrier::new(2));
    let other = Arc::clone(&started);
    keep(thread::spawn(move || {
        ONCE.call_once(|| {
            other.wait();
            thread::sleep(Duration::from_secs(600));
        });
    }));
    started.wait();
    ONCE.call_once(|| {});
}

fn lot_mutex() {
    let mutex = parking_lot::Mutex::new(());
    keep(mutex.lock());
    keep(mutex.lock());
}

fn lot_read() {
    let lock = parking_lot::RwLock::new(());
    keep(lock.write());
    keep(lock.read());
}

fn lot_condvar() {
    let mutex = parking_lot::Mutex::new(());
    parking_lot::Condvar::new().wait(&mut mutex.lock());
}

#[test]
fn the_locks_of_rust() {
    let cases: &[(fn(), &str, Class)] = &[
        (std_mutex, "std_mutex", Class::Mutex),
        (std_read, "std_read", Class::RwLock),
        (std_write, "std_write", Class::RwLock),
        (std_condvar, "std_condvar", Class::Condvar),
        (std_channel, "std_channel", Class::Parked),
        (std_park, "std_park", Class::Parked),
        (std_join, "std_join", Class::Join),
        (std_barrier, "std_barrier", Class::Barrier),
        (std_once, "std_once", Class::Mutex),
        (lot_mutex, "lot_mutex", Class::Mutex),
        (lot_read, "lot_read", Class::RwLock),
        (lot_condvar, "lot_condvar", Class::Condvar),
    ];
    let mut symbols = Symbols::new();
    for &(wait, name, class) in cases {
        let child = Forked::new(wait);
        let stack = waiter(child.0.cast_unsigned(), false).named_by(&mut symbols);
        assert_eq!(stack.class, class, "{name}: {stack:#?}");
        assert!(caller(&stack).ends_with(name), "{name}: {stack:#?}");
        assert!(!stack.cut, "{name}: {stack:#?}");
        assert!(
            functions(&stack)
                .iter()
                .any(|function| function.ends_with("wants_lock")),
            "{name}: {stack:#?}"
        );
    }
}
