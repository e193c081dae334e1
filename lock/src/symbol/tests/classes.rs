//! Classes of stacks as other libraries and builds have them.

use crate::{
    profile::{futex_role::FutexRole, lock_type::Class, snapshot::Frame},
    symbol::class::{Call, Operation, classify, ends_python_thread, from_operation},
};

const PRIVATE: u32 = 128;
const REALTIME: u32 = 256;

/// Frames of functions; `-` is one without a name in the C library.
fn frames(functions: &[&str]) -> Vec<Frame> {
    functions
        .iter()
        .map(|&function| Frame {
            function: (function != "-").then(|| function.to_owned()),
            module: "libc.so.6 (build id 12)".to_owned(),
            ..Frame::default()
        })
        .collect()
}

/// The class, the name, and the caller.
fn told<'a>(
    functions: &[&'a str],
    op: u32,
    value: u32,
) -> (Class, Option<&'static str>, Option<&'a str>) {
    let told = classify(Some(Operation::futex(op, value)), &frames(functions));
    (
        told.class,
        told.name,
        functions.get(told.locking_frames as usize).copied(),
    )
}

/// Frames of a stripped program: `+` is one without a name, `-` one of the C library.
fn stripped(module: &str, functions: &[&str]) -> Vec<Frame> {
    functions
        .iter()
        .map(|&function| Frame {
            function: (!["-", "+"].contains(&function)).then(|| function.to_owned()),
            module: if function == "-" || function.starts_with("pthread_") {
                "libc.so.6".to_owned()
            } else if function == "+" {
                format!("{module} (build id 12)")
            } else {
                module.to_owned()
            },
            ..Frame::default()
        })
        .collect()
}

#[test]
fn a_lock_that_has_its_waiter_in_a_queue_is_known_by_its_address() {
    let parked = Operation::futex(PRIVATE, 1);
    let queued = Operation {
        queued: true,
        ..parked
    };
    for (locking, class, role) in [
        (
            "parking_lot::raw_mutex::RawMutex::lock_slow",
            Class::Mutex,
            FutexRole::Own,
        ),
        (
            "parking_lot::raw_rwlock::RawRwLock::lock_shared_slow",
            Class::RwLock,
            FutexRole::Queue,
        ),
        (
            "dashmap::lock::RawRwLock::lock_exclusive_slow",
            Class::RwLock,
            FutexRole::Queue,
        ),
        (
            "parking_lot::condvar::Condvar::wait_until_internal",
            Class::Condvar,
            FutexRole::Own,
        ),
    ] {
        let frames = stripped(
            "app",
            &["parking_lot_core::parking_lot::park", locking, "app::work"],
        );
        let of = |operation| {
            let told = classify(Some(operation), &frames);
            (told.class, told.role)
        };
        assert_eq!(of(queued), (class, role), "{locking}");
        assert_eq!(of(parked), (class, FutexRole::Waiter), "{locking}");
    }
    assert_eq!(queued.to_string(), "FUTEX_WAIT, value 1, in a queue");
}

/// Name, word and caller's place.
fn stripped_told(
    module: &str,
    functions: &[&str],
    operation: Operation,
) -> (Option<&'static str>, FutexRole, u32) {
    let told = classify(Some(operation), &stripped(module, functions));
    (told.name, told.role, told.locking_frames)
}

#[test]
fn the_gil_of_a_stripped_python_is_told_by_what_is_around_it() {
    let condition = Operation::futex(9 | PRIVATE, 0);
    for (functions, operation, expected) in [
        (
            &[
                "-",
                "pthread_cond_timedwait",
                "+",
                "_PyEval_EvalFrameDefault",
            ][..],
            condition,
            (Some("GIL"), FutexRole::Polled, 3),
        ),
        (
            &[
                "-",
                "pthread_cond_timedwait",
                "+",
                "PyEval_RestoreThread",
                "+",
                "PyObject_Vectorcall",
            ],
            condition,
            (Some("GIL"), FutexRole::Polled, 4),
        ),
        (
            &[
                "-",
                "pthread_cond_timedwait",
                "+",
                "+",
                "PyEval_AcquireThread",
                "+",
            ],
            condition,
            (Some("GIL"), FutexRole::Polled, 5),
        ),
        // Its own mutex.
        (
            &["-", "pthread_mutex_lock", "+", "PyEval_RestoreThread", "+"],
            Operation::futex(PRIVATE, 2),
            (Some("GIL"), FutexRole::Inner, 4),
        ),
        // Who gave it away waits until somebody took it: that is no wait for it.
        (
            &["-", "pthread_cond_wait", "+", "_PyEval_EvalFrameDefault"],
            condition,
            (None, FutexRole::Pair, 2),
        ),
    ] {
        for module in ["python3.11", "libpython3.11.so.1.0"] {
            assert_eq!(
                stripped_told(module, functions, operation),
                expected,
                "{functions:?}"
            );
        }
        let (name, _, locking) = stripped_told("server", &functions[..3], operation);
        assert_eq!((name, locking), (None, 2), "{functions:?}");
    }
    let other = [
        "-",
        "pthread_cond_timedwait",
        "+",
        "_PyEval_EvalFrameDefault",
    ];
    assert_eq!(
        stripped_told("server", &other, condition),
        (None, FutexRole::Pair, 2)
    );
}

#[test]
fn to_take_the_gil_again_after_a_python_lock_is_to_wait_for_the_gil() {
    let functions = [
        "pthread_cond_timedwait",
        "take_gil",
        "PyEval_RestoreThread",
        "acquire_timed",
        "lock_PyThread_acquire_lock",
        "method_vectorcall",
    ];
    let told = classify(Some(Operation::futex(9 | PRIVATE, 0)), &frames(&functions));
    assert_eq!(
        (told.name, told.role, told.locking_frames),
        (Some("GIL"), FutexRole::Polled, 5)
    );
}

#[test]
fn what_releases_is_locking_code_too() {
    for functions in [
        &[
            "futex_wake",
            "__new_sem_post",
            "PGSemaphoreUnlock",
            "LWLockRelease",
            "XLogFlush",
        ][..],
        &[
            "-",
            "sem_post",
            "PyThread_release_lock",
            "lock_PyThread_release_lock",
            "main",
        ],
        &[
            "futex_wake",
            "__condvar_confirm_wakeup",
            "___pthread_cond_signal",
            "drop_gil",
            "main",
        ],
        &[
            "syscall",
            "std::sys::sync::mutex::futex::Mutex::wake",
            "<std::sync::poison::mutex::MutexGuard<T> as core::ops::drop::Drop>::drop",
            "core::ptr::drop_in_place<std::sync::poison::mutex::MutexGuard<u64>>",
            "service::refresh",
        ],
        &[
            "parking_lot_core::parking_lot::unpark_one",
            "parking_lot::raw_mutex::RawMutex::unlock_slow",
            "<lock_api::mutex::MutexGuard<R,T> as core::ops::drop::Drop>::drop",
            "core::ptr::drop_in_place<lock_api::mutex::MutexGuard<parking_lot::raw_mutex::RawMutex,u64>>",
            "service::log",
        ],
    ] {
        let told = classify(None, &frames(functions));
        let caller = functions.get(told.locking_frames as usize);
        assert_eq!(caller, functions.last(), "{functions:?}");
    }
    // PostgreSQL's inner functions have no names.
    let flush = [
        "-",
        "sem_post",
        "PGSemaphoreUnlock",
        "+",
        "LWLockRelease",
        "XLogFlush",
    ];
    let told = classify(None, &stripped("postgres", &flush));
    assert_eq!((told.locking_frames, told.role), (5, FutexRole::Own));
}

#[test]
fn only_the_end_of_a_thread_makes_a_join_of_a_python_lock() {
    let ends = |name, functions| ends_python_thread(name, &frames(functions));
    let lock = classify(None, &frames(&["sem_wait", "PyThread_acquire_lock_timed"])).name;
    assert!(ends(
        lock,
        &[
            "sem_post",
            "PyThread_release_lock",
            "-",
            "PyThreadState_Clear"
        ]
    ));
    assert!(!ends(
        lock,
        &[
            "sem_post",
            "PyThread_release_lock",
            "-",
            "PyObject_Vectorcall"
        ]
    ));
    assert!(!ends(Some("GIL"), &["sem_post", "PyThreadState_Clear"]));
}

#[test]
fn the_outermost_locking_function_tells() {
    for (functions, op, value, class, name, caller) in [
        (
            &[
                "-",
                "sem_wait",
                "PGSemaphoreLock",
                "LWLockAcquire",
                "XLogInsert",
            ][..],
            9 | PRIVATE | REALTIME,
            0,
            Class::RwLock,
            Some("LWLock"),
            "XLogInsert",
        ),
        (
            &[
                "-",
                "pthread_cond_timedwait",
                "take_gil",
                "PyEval_RestoreThread",
                "time_sleep",
            ],
            9 | PRIVATE,
            0,
            Class::Mutex,
            Some("GIL"),
            "time_sleep",
        ),
        (
            &[
                "__futex_abstimed_wait_common",
                "__new_sem_wait_slow64.constprop.0",
                "PyThread_acquire_lock_timed",
                "lock_PyThread_acquire_lock",
                "method_vectorcall",
            ],
            9 | PRIVATE | REALTIME,
            0,
            Class::Mutex,
            Some("Python lock (threading.Lock, join, Event)"),
            "method_vectorcall",
        ),
        (
            &["__timedwait_cp", "__pthread_mutex_timedlock", "work"],
            PRIVATE,
            2,
            Class::Mutex,
            None,
            "work",
        ),
        (
            &[
                "runtime.futex",
                "runtime.futexsleep",
                "runtime.lock2",
                "runtime.lockWithRank",
                "runtime.mallocgc",
            ],
            PRIVATE,
            2,
            Class::Mutex,
            Some("Go runtime"),
            "runtime.mallocgc",
        ),
        (
            &[
                "syscall",
                "parking_lot_core::thread_parker::imp::ThreadParker::futex_wait",
                "<parking_lot::raw_mutex::RawMutex>::lock_slow",
                "<lock_api::mutex::Mutex<parking_lot::raw_mutex::RawMutex, u64>>::lock",
                "app::work",
            ],
            PRIVATE,
            1,
            Class::Mutex,
            None,
            "app::work",
        ),
        (
            &[
                "pthread_cond_wait@@GLIBC_2.3.2",
                "std::condition_variable::wait(std::unique_lock<std::mutex>&)",
                "app::wait()",
            ],
            9 | PRIVATE,
            0,
            Class::Condvar,
            None,
            "app::wait()",
        ),
        (
            &[
                "futex_wait",
                "gomp_team_barrier_wait_end",
                "GOMP_barrier",
                "main._omp_fn.0",
            ],
            PRIVATE,
            0,
            Class::Barrier,
            None,
            "main._omp_fn.0",
        ),
    ] {
        assert_eq!(told(functions, op, value), (class, name, Some(caller)));
    }
}

#[test]
fn who_takes_the_mutex_again_after_a_condition_waits_for_a_mutex() {
    let rust = [
        "syscall",
        "<std::sys::sync::mutex::futex::Mutex>::lock_contended",
        "<std::sys::sync::condvar::futex::Condvar>::wait",
        "<std::sync::poison::condvar::Condvar>::wait",
        "app::work",
    ];
    assert_eq!(
        told(&rust, 9 | PRIVATE, 2),
        (Class::Mutex, None, Some("app::work"))
    );
    // The same where inner functions have no names: the call tells.
    let glibc = ["-", "-", "pthread_cond_wait", "work"];
    assert_eq!(told(&glibc, PRIVATE, 2).0, Class::Mutex);
    assert_eq!(told(&glibc, 9 | PRIVATE, 1).0, Class::Condvar);
    assert_eq!(
        told(&["-", "pthread_mutex_lock", "work"], 6 | PRIVATE, 0).0,
        Class::PiMutex
    );
}

#[test]
fn a_function_of_the_program_is_no_locking_code() {
    // What is nameless further out is not in the call's way.
    let functions = ["-", "pthread_mutex_lock", "-", "main"];
    assert_eq!(
        told(&functions, PRIVATE, 2),
        (Class::Mutex, None, Some("-"))
    );
    assert_eq!(
        told(&["main"], PRIVATE, 2),
        (Class::Mutex, None, Some("main"))
    );
    assert_eq!(told(&[], PRIVATE, 7), (Class::Unknown, None, None));
    assert_eq!(classify(None, &[]).class, Class::Unknown);
    let own = ["syscall", "my_own_lock", "main"];
    assert_eq!(
        told(&own, PRIVATE, 1),
        (Class::Unknown, None, Some("my_own_lock"))
    );
}

#[test]
fn the_call_alone_tells_what_is_certain_enough() {
    for (op, value, class, text) in [
        (PRIVATE, 2, Class::Mutex, "FUTEX_WAIT, value 2"),
        (9 | PRIVATE, 2, Class::Mutex, "FUTEX_WAIT_BITSET, value 2"),
        (
            9 | PRIVATE | REALTIME,
            0,
            Class::Unknown,
            "FUTEX_WAIT_BITSET, value 0",
        ),
        (9 | PRIVATE, 3, Class::RwLock, "FUTEX_WAIT_BITSET, value 3"),
        (
            9 | REALTIME,
            4711,
            Class::Join,
            "FUTEX_WAIT_BITSET, value 4711",
        ),
        (
            9 | PRIVATE,
            u32::MAX,
            Class::Parked,
            "FUTEX_WAIT_BITSET, value 4294967295",
        ),
        (6 | PRIVATE, 0, Class::PiMutex, "FUTEX_LOCK_PI"),
        (13 | PRIVATE, 0, Class::PiMutex, "FUTEX_LOCK_PI2"),
        (
            11 | PRIVATE,
            5,
            Class::Condvar,
            "FUTEX_WAIT_REQUEUE_PI, value 5",
        ),
        (99, 5, Class::Unknown, "futex command 99"),
    ] {
        let operation = Operation::futex(op, value);
        assert_eq!(from_operation(operation), class, "{text}");
        assert_eq!(operation.to_string(), text);
    }
    let waitv = Operation {
        call: Call::Waitv,
        value: 2,
        ..Operation::default()
    };
    assert_eq!(from_operation(waitv), Class::Unknown);
    assert_eq!(waitv.to_string(), "futex_waitv");
}
