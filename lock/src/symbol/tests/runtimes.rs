//! Classes of stacks of musl, of other languages' runtimes, and of servers: as recorded, or as
//! their sources have the functions.

use crate::{
    profile::{futex_role::FutexRole, lock_type::Class, snapshot::Frame},
    symbol::class::{Classified, Operation, classify},
};

/// The classification of a futex call, and its caller. `+` is a function of the module `file`
/// without a name, `-` one of the C library.
fn classified_as<'a>(
    file: &str,
    functions: &[&'a str],
    op: u32,
    value: u32,
) -> (Classified, Option<&'a str>) {
    let frames: Vec<Frame> = functions
        .iter()
        .map(|&function| Frame {
            function: (!["-", "+"].contains(&function)).then(|| function.to_owned()),
            module: match function {
                "-" => "libc.so.6".to_owned(),
                _ => file.to_owned(),
            },
            ..Frame::default()
        })
        .collect();
    let classified = classify(Some(Operation::futex(op, value)), &frames);
    let caller = functions.get(classified.locking_frames as usize).copied();
    (classified, caller)
}

const WAIT: u32 = 128;
const WAIT_BITSET: u32 = 128 | 9;

#[test]
fn musl_waits_with_one_command_for_everything() {
    for (functions, value, class, role) in [
        (
            &[
                "sccp",
                "__timedwait_cp",
                "__timedwait",
                "pthread_mutex_timedlock",
                "work",
            ][..],
            0x8000_1234,
            Class::Mutex,
            FutexRole::Own,
        ),
        (
            &[
                "sccp",
                "__timedwait_cp",
                "__timedwait",
                "pthread_rwlock_timedwrlock",
                "work",
            ],
            0x8000_0001,
            Class::RwLock,
            FutexRole::Own,
        ),
        (
            &["sccp", "__timedwait_cp", "sem_timedwait", "work"],
            u32::MAX,
            Class::Semaphore,
            FutexRole::Own,
        ),
        // The value is that of a glibc mutex.
        (
            &["sccp", "__timedwait_cp", "pthread_cond_timedwait", "work"],
            2,
            Class::Condvar,
            FutexRole::Own,
        ),
        (
            &["sccp", "__timedwait_cp", "__pthread_timedjoin_np", "work"],
            2,
            Class::Join,
            FutexRole::Own,
        ),
    ] {
        let (found, caller) = classified_as("program", functions, WAIT, value);
        assert_eq!(
            (found.class, found.role, caller),
            (class, role, Some("work")),
            "{functions:?}"
        );
    }
}

#[test]
fn an_rwlock_of_glibc_waits_on_two_words() {
    for function in ["pthread_rwlock_wrlock", "___pthread_rwlock_rdlock"] {
        let (found, _) = classified_as("program", &["-", function, "work"], WAIT_BITSET, 3);
        assert_eq!((found.class, found.role), (Class::RwLock, FutexRole::Pair));
    }
}

#[test]
fn locks_of_runtimes_are_locks() {
    for (file, functions, class, name, role, caller) in [
        // Ruby without names of its own functions: the lock of the interpreter.
        (
            "libruby-3.1.so.3.1.2",
            &[
                "-",
                "rb_native_cond_wait",
                "+",
                "+",
                "rb_threadptr_execute_interrupts",
                "rb_vm_exec",
            ][..],
            Class::Mutex,
            Some("GVL"),
            FutexRole::Polled,
            "rb_threadptr_execute_interrupts",
        ),
        (
            "libruby-3.1.so.3.1.2",
            &[
                "-",
                "pthread_cond_timedwait",
                "+",
                "+",
                "+",
                "rb_nogvl",
                "+",
            ],
            Class::Mutex,
            Some("GVL"),
            FutexRole::Polled,
            "rb_nogvl",
        ),
        // The same, in another module, is somebody else's.
        (
            "server",
            &["-", "rb_native_cond_wait", "+", "+", "rb_nogvl", "main"],
            Class::Condvar,
            None,
            FutexRole::Own,
            "+",
        ),
        // A sleeping thread of Ruby is idle.
        (
            "libruby-3.1.so.3.1.2",
            &[
                "-",
                "rb_native_cond_wait",
                "+",
                "+",
                "rb_thread_wait_for",
                "rb_vm_exec",
            ],
            Class::Condvar,
            None,
            FutexRole::Own,
            "+",
        ),
        (
            "ruby",
            &[
                "-",
                "rb_native_cond_wait",
                "thread_sched_wait_running_turn",
                "thread_sched_to_running_common",
                "rb_vm_exec",
            ],
            Class::Mutex,
            Some("GVL"),
            FutexRole::Polled,
            "rb_vm_exec",
        ),
        (
            "libruby-3.1.so.3.1.2",
            &[
                "-",
                "rb_native_cond_wait",
                "+",
                "+",
                "rb_mutex_lock",
                "rb_vm_exec",
            ],
            Class::Mutex,
            Some("Ruby Mutex"),
            FutexRole::Waiter,
            "rb_vm_exec",
        ),
        // JavaScript.
        (
            "node",
            &[
                "-",
                "pthread_cond_wait",
                "v8::internal::FutexEmulation::WaitSync<int>",
                "v8::internal::FutexEmulation::WaitJs32",
                "v8::internal::Builtin_AtomicsWait",
                "Builtins_CEntry",
            ],
            Class::Unknown,
            Some("Atomics.wait"),
            FutexRole::Waiter,
            "Builtins_CEntry",
        ),
        // Java: a monitor by its waiters, what parks is not known, idle threads are idle.
        (
            "libjvm.so",
            &[
                "-",
                "pthread_cond_wait",
                "os::PlatformEvent::park",
                "ObjectMonitor::enter",
                "Interpreter",
            ],
            Class::Mutex,
            Some("Java monitor"),
            FutexRole::Waiter,
            "Interpreter",
        ),
        (
            "libjvm.so",
            &[
                "-",
                "pthread_cond_wait",
                "Parker::park",
                "Unsafe_Park",
                "Interpreter",
            ],
            Class::Parked,
            Some("Java park (ReentrantLock, queue, pool)"),
            FutexRole::Waiter,
            "Interpreter",
        ),
        (
            "libjvm.so",
            &[
                "-",
                "sem_wait",
                "PosixSemaphore::wait",
                "os::signal_wait",
                "signal_thread_entry",
            ],
            Class::Parked,
            None,
            FutexRole::Own,
            "signal_thread_entry",
        ),
        // Rust's crates.
        (
            "app",
            &[
                "syscall",
                "parking_lot_core::parking_lot::park",
                "dashmap::lock::RawRwLock::lock_exclusive_slow",
                "dashmap::DashMap<K,V,S>::_yield_write_shard",
                "<dashmap::DashMap<K,V,S> as dashmap::t::Map<K,V,S>>::_insert",
                "app::work",
            ],
            Class::RwLock,
            None,
            FutexRole::Waiter,
            "app::work",
        ),
        // PostgreSQL: of two locks with a name, the nearest.
        (
            "postgres",
            &[
                "-",
                "sem_wait",
                "PGSemaphoreLock",
                "LWLockAcquire",
                "ProcSleep",
                "WaitOnLock",
                "LockAcquire",
            ],
            Class::RwLock,
            Some("LWLock"),
            FutexRole::Waiter,
            "LockAcquire",
        ),
        // A stream's lock.
        (
            "app",
            &["__lll_lock_wait_private", "__flockfile", "log_line"],
            Class::Mutex,
            Some("stdio"),
            FutexRole::Own,
            "log_line",
        ),
        // C++ without the return type that templates have.
        (
            "app",
            &[
                "syscall",
                "std::__detail::__platform_wait<int>",
                "std::__atomic_semaphore::_M_acquire",
                "std::counting_semaphore<8l>::acquire",
                "work",
            ],
            Class::Semaphore,
            None,
            FutexRole::Own,
            "work",
        ),
    ] {
        let (found, found_caller) = classified_as(file, functions, WAIT_BITSET, 0);
        assert_eq!(
            (found.class, found.name, found.role, found_caller),
            (class, name, role, Some(caller)),
            "{functions:?}"
        );
    }
}
