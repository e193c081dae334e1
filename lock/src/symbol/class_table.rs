//! Which functions of libraries and runtimes lock, and what.

use crate::profile::lock_type::Class;

/// What is known of a function: that it is locking code, and maybe of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// What it waits for. None: that is for other functions to tell.
    pub(crate) class: Option<Class>,
    /// The lock's name, where users know it by one.
    pub(crate) name: Option<&'static str>,
}

/// How a function is recognised, by its name without arguments and compiler's suffixes.
#[derive(Debug, Clone, Copy)]
enum Name {
    Is(&'static str),
    Starts(&'static str),
    Has(&'static str),
}

use Class::{Barrier, Condvar, Join, Mutex, Parked, RwLock, Semaphore};
use Name::{Has, Is, Starts};

/// Locking code that does not tell of what: a row later in the table may.
const ANY: Option<Class> = None;

/// The first row that fits counts.
const TABLE: &[(Name, Option<Class>, Option<&str>)] = &[
    // C libraries: the call itself.
    (Is("syscall"), ANY, None),
    (Is("__syscall_cancel"), ANY, None),
    (Is("__syscall_cancel_arch"), ANY, None),
    (Is("__internal_syscall_cancel"), ANY, None),
    (Is("__syscall_cp"), ANY, None),
    (Is("__syscall_cp_asm"), ANY, None),
    (Is("__syscall_cp_c"), ANY, None),
    (Starts("__futex_"), ANY, None),
    (Starts("futex_"), ANY, None),
    (Starts("__lll_lock_wait"), Some(Mutex), None),
    (Starts("__lll_"), Some(Mutex), None),
    (Starts("lll_"), Some(Mutex), None),
    // glibc.
    (Is("__pthread_mutex_cond_lock"), Some(Mutex), None),
    (Has("pthread_mutex_lock_full"), ANY, None),
    (Has("pthread_mutex_lock"), Some(Mutex), None),
    (Has("pthread_mutex_timedlock"), Some(Mutex), None),
    (Has("pthread_mutex_clocklock"), Some(Mutex), None),
    (Has("pthread_mutex_trylock"), Some(Mutex), None),
    (Has("pthread_mutex_"), Some(Mutex), None),
    (Has("pthread_rwlock_"), Some(RwLock), None),
    (Has("pthread_cond_"), Some(Condvar), None),
    (Starts("___pthread_cond"), Some(Condvar), None),
    (Is("cnd_wait"), Some(Condvar), None),
    (Is("cnd_timedwait"), Some(Condvar), None),
    (Is("mtx_lock"), Some(Mutex), None),
    (Is("mtx_timedlock"), Some(Mutex), None),
    (Is("sem_wait"), Some(Semaphore), None),
    (Is("sem_timedwait"), Some(Semaphore), None),
    (Is("sem_clockwait"), Some(Semaphore), None),
    (Starts("__new_sem_"), Some(Semaphore), None),
    (Starts("do_futex_wait"), ANY, None),
    (Has("pthread_barrier_wait"), Some(Barrier), None),
    (Has("pthread_join"), Some(Join), None),
    (Has("pthread_clockjoin"), Some(Join), None),
    (Has("pthread_timedjoin"), Some(Join), None),
    (Is("thrd_join"), Some(Join), None),
    (Has("pthread_once"), Some(Mutex), Some("once")),
    (Is("call_once"), Some(Mutex), Some("once")),
    // musl.
    (Is("__timedwait"), ANY, None),
    (Is("__timedwait_cp"), ANY, None),
    (Is("__wait"), ANY, None),
    (Is("__futexwait"), ANY, None),
    (Is("__lock"), Some(Mutex), None),
    (Is("__lockfile"), Some(Mutex), Some("stdio")),
    (Is("__private_cond_signal"), Some(Condvar), None),
    (Is("__tl_sync"), Some(Join), None),
    // C's streams.
    (Is("flockfile"), Some(Mutex), Some("stdio")),
    (Is("_IO_flockfile"), Some(Mutex), Some("stdio")),
    // Rust's library.
    (Starts("std::sys::sync::mutex::"), Some(Mutex), None),
    (Starts("std::sys::sync::rwlock::"), Some(RwLock), None),
    (Starts("std::sys::sync::condvar::"), Some(Condvar), None),
    (
        Starts("std::sys::sync::thread_parking::"),
        Some(Parked),
        None,
    ),
    (
        Starts("std::sys_common::thread_parking::"),
        Some(Parked),
        None,
    ),
    (
        Starts("std::sys_common::thread_parker::"),
        Some(Parked),
        None,
    ),
    (Starts("std::sys::sync::once::"), Some(Mutex), Some("once")),
    (Starts("std::sys::locks::futex_mutex::"), Some(Mutex), None),
    (
        Starts("std::sys::locks::futex_rwlock::"),
        Some(RwLock),
        None,
    ),
    (
        Starts("std::sys::locks::futex_condvar::"),
        Some(Condvar),
        None,
    ),
    (Has("::locks::futex_mutex::"), Some(Mutex), None),
    (Has("::locks::futex_rwlock::"), Some(RwLock), None),
    (Has("::locks::futex_condvar::"), Some(Condvar), None),
    (Starts("std::sys::futex::"), ANY, None),
    (Starts("std::sys::pal::unix::futex::"), ANY, None),
    (Starts("std::sys::pal::unix::sync::"), ANY, None),
    (Starts("std::sys::unix::futex::"), ANY, None),
    (
        Starts("std::sys::pal::unix::thread::Thread::join"),
        Some(Join),
        None,
    ),
    (
        Starts("std::sys::thread::unix::Thread::join"),
        Some(Join),
        None,
    ),
    (Starts("std::thread::JoinHandle"), Some(Join), None),
    (Starts("std::thread::JoinInner"), Some(Join), None),
    (
        Starts("std::thread::join_handle::JoinHandle"),
        Some(Join),
        None,
    ),
    (
        Starts("std::thread::lifecycle::JoinInner"),
        Some(Join),
        None,
    ),
    (Starts("std::thread::scoped::scope"), Some(Join), None),
    (Starts("std::thread::park"), Some(Parked), None),
    (Starts("std::thread::current_park"), Some(Parked), None),
    (Starts("std::thread::Thread::park"), Some(Parked), None),
    (
        Starts("std::thread::thread::Thread::park"),
        Some(Parked),
        None,
    ),
    (Starts("std::thread::functions::park"), Some(Parked), None),
    (Starts("std::sync::mpmc::"), Some(Parked), None),
    (Starts("std::sync::mpsc::"), Some(Parked), None),
    (Starts("std::sync::barrier::"), Some(Barrier), None),
    (Starts("std::sync::poison::mutex::"), Some(Mutex), None),
    (Starts("std::sync::nonpoison::mutex::"), Some(Mutex), None),
    (Starts("std::sync::mutex::"), Some(Mutex), None),
    (Starts("std::sync::reentrant_lock::"), Some(Mutex), None),
    (Starts("std::sync::poison::rwlock::"), Some(RwLock), None),
    (Starts("std::sync::nonpoison::rwlock::"), Some(RwLock), None),
    (Starts("std::sync::rwlock::"), Some(RwLock), None),
    (Starts("std::sync::poison::condvar::"), Some(Condvar), None),
    (
        Starts("std::sync::nonpoison::condvar::"),
        Some(Condvar),
        None,
    ),
    (Starts("std::sync::condvar::"), Some(Condvar), None),
    (
        Starts("std::sync::poison::once::"),
        Some(Mutex),
        Some("once"),
    ),
    (Starts("std::sync::once::"), Some(Mutex), Some("once")),
    (Starts("std::sync::once_lock::"), Some(Mutex), Some("once")),
    (Starts("std::sync::lazy_lock::"), Some(Mutex), Some("once")),
    // Rust's crates.
    (Starts("parking_lot::raw_mutex::"), Some(Mutex), None),
    (Starts("parking_lot::raw_fair_mutex::"), Some(Mutex), None),
    (Starts("parking_lot::raw_rwlock::"), Some(RwLock), None),
    (Starts("parking_lot::condvar::"), Some(Condvar), None),
    (Starts("parking_lot::once::"), Some(Mutex), Some("once")),
    (Starts("parking_lot_core::"), Some(Parked), None),
    (Starts("parking_lot::"), ANY, None),
    (Starts("lock_api::mutex::"), Some(Mutex), None),
    (Starts("lock_api::rwlock::"), Some(RwLock), None),
    (Starts("lock_api::"), ANY, None),
    (Starts("tokio::runtime::park::"), Some(Parked), None),
    (
        Starts("tokio::runtime::scheduler::multi_thread::park::"),
        Some(Parked),
        None,
    ),
    (
        Starts("tokio::runtime::scheduler::multi_thread::worker::Context::park"),
        Some(Parked),
        None,
    ),
    (
        Starts("tokio::runtime::time::Driver::park"),
        Some(Parked),
        None,
    ),
    (Starts("tokio::runtime::driver::"), Some(Parked), None),
    (
        Starts("tokio::runtime::blocking::pool::Inner::run"),
        Some(Parked),
        None,
    ),
    (Starts("tokio::loom::std::"), ANY, None),
    (
        Starts("crossbeam_utils::sync::parker::"),
        Some(Parked),
        None,
    ),
    (Starts("crossbeam_channel::"), Some(Parked), None),
    (Starts("rayon_core::sleep::"), Some(Parked), None),
    (Starts("rayon_core::latch::"), Some(Parked), None),
    (
        Starts("rayon_core::registry::WorkerThread::wait_until"),
        Some(Parked),
        None,
    ),
    // C++.
    (Starts("std::mutex::"), Some(Mutex), None),
    (Starts("std::timed_mutex::"), Some(Mutex), None),
    (Starts("std::recursive_mutex::"), Some(Mutex), None),
    (Starts("std::recursive_timed_mutex::"), Some(Mutex), None),
    (Starts("std::__recursive_mutex_base::"), ANY, None),
    (Starts("std::shared_mutex::"), Some(RwLock), None),
    (Starts("std::shared_timed_mutex::"), Some(RwLock), None),
    (Starts("std::__shared_"), Some(RwLock), None),
    (Starts("std::__glibcxx_rwlock_"), Some(RwLock), None),
    (Starts("std::shared_lock<"), Some(RwLock), None),
    (Starts("std::unique_lock<"), ANY, None),
    (Starts("std::lock_guard<"), ANY, None),
    (Starts("std::scoped_lock<"), ANY, None),
    (Starts("std::lock<"), ANY, None),
    (Starts("std::condition_variable"), Some(Condvar), None),
    (Starts("std::_V2::condition_variable"), Some(Condvar), None),
    (Starts("std::__condvar::"), Some(Condvar), None),
    (Starts("std::__atomic_futex_unsigned"), Some(Condvar), None),
    (Starts("std::__basic_future"), Some(Condvar), None),
    (Starts("std::__future_base::"), Some(Condvar), None),
    (Starts("std::thread::join"), Some(Join), None),
    (Starts("std::counting_semaphore"), Some(Semaphore), None),
    (Starts("std::__semaphore_impl"), Some(Semaphore), None),
    (Starts("std::__platform_semaphore"), Some(Semaphore), None),
    (Starts("std::latch::"), Some(Barrier), None),
    (Starts("std::barrier<"), Some(Barrier), None),
    (Starts("std::__atomic_wait"), ANY, None),
    (Starts("std::__detail::__platform_wait"), ANY, None),
    (Starts("__gthread_mutex_"), Some(Mutex), None),
    (Starts("__gthread_recursive_mutex_"), Some(Mutex), None),
    (Starts("__gthread_cond_"), Some(Condvar), None),
    (Starts("__gthread_"), ANY, None),
    (Starts("__gthrw_"), ANY, None),
    (Starts("__cxa_guard_acquire"), Some(Mutex), Some("once")),
    (Starts("std::__1::mutex::"), Some(Mutex), None),
    (Starts("std::__1::recursive_mutex::"), Some(Mutex), None),
    (Starts("std::__1::shared_mutex::"), Some(RwLock), None),
    (Starts("std::__1::condition_variable"), Some(Condvar), None),
    (Starts("std::__1::thread::join"), Some(Join), None),
    (Starts("std::__1::unique_lock<"), ANY, None),
    (Starts("std::__1::lock_guard<"), ANY, None),
    (Starts("std::__1::__libcpp_"), ANY, None),
    // Go's runtime: goroutines park without a futex, its own threads with one.
    (Is("runtime.futex"), ANY, None),
    (Starts("runtime.futexsleep"), ANY, None),
    (Starts("runtime.lock2"), Some(Mutex), Some("Go runtime")),
    (
        Starts("runtime.lockWithRank"),
        Some(Mutex),
        Some("Go runtime"),
    ),
    (Is("runtime.lock"), Some(Mutex), Some("Go runtime")),
    (Starts("runtime.semasleep"), Some(Parked), None),
    (Starts("runtime.notesleep"), Some(Parked), None),
    (Starts("runtime.notetsleep"), Some(Parked), None),
    (Is("runtime.mPark"), Some(Parked), None),
    (Is("runtime.stopm"), Some(Parked), None),
    (Is("runtime.stoplockedm"), Some(Parked), None),
    (Is("runtime.findRunnable"), Some(Parked), None),
    (Is("runtime.findrunnable"), Some(Parked), None),
    // CPython: the lock of the interpreter, then those of the language.
    (Starts("take_gil"), Some(Mutex), Some("GIL")),
    (Is("PyEval_RestoreThread"), Some(Mutex), Some("GIL")),
    (Is("PyEval_AcquireThread"), Some(Mutex), Some("GIL")),
    (Is("PyGILState_Ensure"), Some(Mutex), Some("GIL")),
    (Is("_PyThreadState_Attach"), Some(Mutex), Some("GIL")),
    (Starts("_PyEval_AcquireLock"), Some(Mutex), Some("GIL")),
    (Starts("_PyMutex_"), Some(Mutex), None),
    (Is("PyMutex_Lock"), Some(Mutex), None),
    (Starts("_PyRWMutex_"), Some(RwLock), None),
    (Starts("_PyParkingLot_"), ANY, None),
    (Starts("_PySemaphore_"), ANY, None),
    (Starts("_PyEvent_"), Some(Parked), None),
    (Starts("PyEvent_"), Some(Parked), None),
    (Starts("PyThread_acquire_lock"), Some(Mutex), None),
    (Starts("PyThread_release_lock"), Some(Mutex), None),
    (Starts("acquire_timed"), Some(Mutex), None),
    (Starts("PyCOND_"), Some(Condvar), None),
    (Is("lock_PyThread_acquire_lock"), Some(Mutex), None),
    (Starts("rlock_acquire"), Some(Mutex), None),
    // The Java virtual machine.
    (Starts("ObjectMonitor::wait"), Some(Parked), None),
    (Starts("ObjectMonitor::"), Some(Mutex), Some("Java monitor")),
    (Starts("ObjectSynchronizer::wait"), Some(Parked), None),
    (
        Starts("ObjectSynchronizer::"),
        Some(Mutex),
        Some("Java monitor"),
    ),
    (
        Starts("SharedRuntime::complete_monitor_locking"),
        Some(Mutex),
        Some("Java monitor"),
    ),
    (
        Starts("SharedRuntime::monitor_enter_helper"),
        Some(Mutex),
        Some("Java monitor"),
    ),
    (Starts("Unsafe_Park"), Some(Parked), None),
    (Starts("Parker::park"), Some(Parked), None),
    (Starts("PlatformEvent::park"), ANY, None),
    (Starts("os::PlatformEvent::park"), ANY, None),
    (Starts("PlatformMonitor::wait"), Some(Condvar), None),
    (Starts("Monitor::wait"), Some(Condvar), None),
    (Starts("Monitor::lock"), Some(Mutex), None),
    (Starts("Mutex::lock"), Some(Mutex), None),
    (Starts("MonitorLocker::"), ANY, None),
    (Starts("MutexLocker"), ANY, None),
    (Starts("Semaphore::wait"), Some(Semaphore), None),
    (Starts("PosixSemaphore::wait"), Some(Semaphore), None),
    // PostgreSQL.
    (Starts("PGSemaphoreLock"), Some(Semaphore), None),
    (Starts("LWLock"), Some(RwLock), Some("LWLock")),
    (Is("ProcSleep"), Some(RwLock), Some("heavyweight lock")),
    (Starts("ProcWaitForSignal"), Some(Parked), None),
    (Starts("WaitOnLock"), Some(RwLock), Some("heavyweight lock")),
    // OpenMP.
    (Starts("gomp_barrier_"), Some(Barrier), None),
    (Starts("gomp_team_barrier_"), Some(Barrier), None),
    (Starts("gomp_mutex_"), Some(Mutex), None),
    (Starts("gomp_sem_"), Some(Semaphore), None),
    (Starts("gomp_ptrlock_"), Some(Mutex), None),
    (Starts("gomp_set_lock"), Some(Mutex), None),
    (Starts("gomp_set_nest_lock"), Some(Mutex), None),
    (Starts("omp_set_lock"), Some(Mutex), None),
    (Starts("GOMP_barrier"), Some(Barrier), None),
    (Starts("GOMP_critical_"), Some(Mutex), Some("omp critical")),
    (Starts("do_wait"), ANY, None),
    (Starts("do_spin"), ANY, None),
    (Starts("__kmp_suspend_"), Some(Parked), None),
    // node and others on libuv.
    (Is("uv_mutex_lock"), Some(Mutex), None),
    (Starts("uv_rwlock_"), Some(RwLock), None),
    (Starts("uv_cond_"), Some(Condvar), None),
    (Is("uv_sem_wait"), Some(Semaphore), None),
    (Is("uv_barrier_wait"), Some(Barrier), None),
    (Is("uv_thread_join"), Some(Join), None),
];

/// What is known of a function. None: it is no locking code.
pub(crate) fn find(function: &str) -> Option<Known> {
    let name = plain(function);
    TABLE
        .iter()
        .find(|(pattern, ..)| pattern.fits(name))
        .map(|&(_, class, name)| Known { class, name })
}

/// The same of a function that debug information names without its module, as it does inlined
/// and generic ones of Rust (`park<..>`), by the file that it is in. What it locks, the
/// functions around it tell.
pub(crate) fn find_generic(function: &str, file: &str) -> Option<Known> {
    const FILES: &[&str] = &[
        "/parking_lot_core-",
        "/parking_lot-",
        "/lock_api-",
        "/library/std/src/sync/",
        "/library/std/src/sys/sync/",
    ];
    let (name, _) = function.split_once('<').unwrap_or((function, ""));
    let is_locking = !name.contains("::") && FILES.iter().any(|part| file.contains(part));
    is_locking.then_some(Known {
        class: ANY,
        name: None,
    })
}

/// Whether functions without a name may come between this one and the one that called it:
/// that is so for the call itself.
pub(crate) fn may_hide_callers(function: &str) -> bool {
    find(function)
        == Some(Known {
            class: None,
            name: None,
        })
}

/// Whether a module is a C library: what is nameless in it and innermost is locking code.
pub(crate) fn is_c_library(module: &str) -> bool {
    const LIBRARIES: &[&str] = &["libc.so", "libc-2.", "libpthread", "ld-musl-", "libc.musl-"];
    LIBRARIES.iter().any(|library| module.starts_with(library))
}

/// A name as the table has it: of `<std::sync::X as Trait>::f` and `<std::sync::X>::f`, what
/// follows the bracket; without the suffixes of a compiler's copies, `take_gil.lto_priv.0`.
fn plain(function: &str) -> &str {
    let name = function.trim_start_matches(['<', '&']);
    // Go's names have a dot.
    if name.starts_with("runtime.") {
        return name;
    }
    for suffix in [
        ".lto_priv",
        ".isra",
        ".constprop",
        ".part",
        ".cold",
        ".llvm",
        ".localalias",
    ] {
        if let Some((start, _)) = name.split_once(suffix) {
            return start;
        }
    }
    // glibc's versions: pthread_cond_wait@@GLIBC_2.3.2.
    name.split_once('@').map_or(name, |(start, _)| start)
}

impl Name {
    fn fits(self, name: &str) -> bool {
        match self {
            Is(whole) => name == whole,
            Starts(start) => name.starts_with(start),
            Has(part) => name.contains(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::find_generic;

    #[test]
    fn generic_functions_are_known_by_their_files() {
        const FILE: &str = "/registry/parking_lot_core-0.9.12/src/parking_lot.rs";
        let park = "park<parking_lot::raw_mutex::{impl#3}::lock_slow::{closure_env#0}>";
        assert!(find_generic(park, FILE).is_some());
        assert!(find_generic("with_thread_data<parking_lot_core::ParkResult>", FILE).is_some());
        // Those that have their module's name are in the table, or are not locking code.
        assert!(find_generic("server::park<X>", FILE).is_none());
        assert!(find_generic("park<X>", "/server/src/parking_lot.rs").is_none());
    }
}
