//! Classes of stacks as other libraries and builds have them.

use crate::{
    profile::{lock_type::Class, snapshot::Frame},
    symbol::class::{Call, Operation, classify, from_operation},
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
            None,
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
