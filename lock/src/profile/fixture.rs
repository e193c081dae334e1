//! A recording of everything that there is, for tests: a server in Rust with a pool of
//! threads on a machine with a database beside it. Its account holds.

use lock_common::flag::{MUTEX, READ, SPIN, WRITE};

use crate::profile::{
    histogram::Histogram,
    lock_type::{Class, LockType},
    snapshot::{
        About, Account, ChainLink, Estimate, Events, Frame, FrameId, Holder, Hook, Identity,
        Interval, LockId, Lost, Open, Process, ProcessId, Samples, Scope, Snapshot, Stack, StackId,
        ThreadId, Waits,
    },
    tables::Tables,
};

const MUTEX_TYPE: LockType = LockType::Kernel(MUTEX);
const SPINLOCK: LockType = LockType::Kernel(SPIN);
const US: u64 = 1_000;
const MS: u64 = 1_000_000;

/// The recording. One wait in 4 is sampled.
pub(crate) fn snapshot() -> Snapshot {
    let mut tables = Tables::default();
    let cast = Cast::new(&mut tables);
    kernel_locks(&mut tables, &cast);
    user_locks(&mut tables, &cast);
    idle(&mut tables, &cast);
    let mut snapshot = tables.finish();
    about(&mut snapshot);
    account(&mut snapshot);
    snapshot
}

/// The same as with `--exact`: every wait sampled.
pub(crate) fn exact() -> Snapshot {
    let mut snapshot = snapshot();
    snapshot.about.exact = true;
    let estimates = snapshot.sites.iter_mut().map(|site| &mut site.waits);
    let chains = snapshot.chains.iter_mut().map(|chain| &mut chain.waits);
    for estimate in estimates.chain(chains) {
        estimate.samples = estimate.count;
        estimate.count_variance = 0.0;
        estimate.wait_variance = 0.0;
    }
    snapshot.account.samples.taken = 2000;
    snapshot.account.samples.used = 2000;
    snapshot.account.samples.buffer_full = 0;
    snapshot
}

struct Cast {
    server: ProcessId,
    workers: [ThreadId; 3],
    main: ThreadId,
    postgres: ThreadId,
    kworker: ThreadId,
}

impl Cast {
    fn new(tables: &mut Tables) -> Self {
        let mut process = |pid, comm: &str, cgroup: &str| {
            tables.process(&Process {
                pid,
                comm: comm.to_owned(),
                cgroup: cgroup.to_owned(),
            })
        };
        let server = process(4711, "server", "/system.slice/server.service");
        let postgres = process(900, "postgres", "/system.slice/postgresql.service");
        let kworker = process(33, "kworker/1:2", "/");
        Self {
            server,
            workers: [4712, 4713, 4714].map(|tid| tables.thread(tid, "pool-worker", server)),
            main: tables.thread(4711, "server", server),
            postgres: tables.thread(900, "postgres", postgres),
            kworker: tables.thread(33, "kworker/1:2", kworker),
        }
    }
}

fn frames(tables: &mut Tables, module: &str, functions: &[&str]) -> Vec<FrameId> {
    functions
        .iter()
        .enumerate()
        .map(|(index, function)| {
            let (function, inlined) = match function.strip_prefix('~') {
                Some(function) => (function, true),
                None => (*function, false),
            };
            tables.frame(&Frame {
                address: 0x1000 + 0x10 * index as u64 + function.len() as u64,
                function: (function != "?").then(|| function.to_owned()),
                module: module.to_owned(),
                file: (module == "server").then(|| "src/pool.rs".to_owned()),
                line: (module == "server").then_some(40 + index as u32),
                inlined,
            })
        })
        .collect()
}

/// A stack of the kernel and of the server; of its innermost frames, some are locking code.
/// `~` before a function's name: it is inlined; `?`: it is not known.
fn stack(tables: &mut Tables, kernel: &[&str], user: &[&str], user_locking: u32) -> StackId {
    let kernel = frames(tables, "[kernel]", kernel);
    let user = frames(tables, "server", user);
    tables.stack(Stack {
        kernel,
        user,
        user_locking,
        ..Stack::default()
    })
}

/// Waits of one length.
fn waits(count: u64, each_ns: u64) -> Waits {
    let mut histogram = Histogram::default();
    histogram.record(each_ns, count);
    Waits {
        count,
        total_ns: count * each_ns,
        min_ns: each_ns,
        max_ns: each_ns,
        histogram,
        ..Waits::default()
    }
}

/// Adds waits of several lengths to a lock.
fn count(tables: &mut Tables, lock: LockId, lengths: &[(u64, u64)]) {
    for &(number, each_ns) in lengths {
        tables.add_waits(lock, &waits(number, each_ns));
    }
}

/// Some waits of one length, each sampled with a chance of 2^-shift.
fn sampled(samples: u64, each_ns: u64, shift: u32) -> Estimate {
    let mut sum = Estimate::default();
    for _ in 0..samples {
        sum.add(&Estimate::of(each_ns, shift));
    }
    sum
}

fn kernel_lock(
    tables: &mut Tables,
    address: u64,
    lock_type: LockType,
    name: Option<&str>,
) -> LockId {
    tables.lock(Identity::Kernel { address }, lock_type, "", name)
}

fn kernel_locks(tables: &mut Tables, cast: &Cast) {
    let [first, second, third] = cast.workers;
    let write = stack(
        tables,
        &["fdget_pos", "ksys_write", "do_syscall_64"],
        &["write", "server::log::append", "server::pool::run"],
        0,
    );
    let seek = stack(
        tables,
        &["fdget_pos", "ksys_lseek", "do_syscall_64"],
        &["lseek64", "~server::log::rotate", "server::pool::run"],
        0,
    );
    let release = stack(
        tables,
        &["fdput_pos", "ksys_write", "do_syscall_64"],
        &["write", "server::log::append", "server::pool::run"],
        0,
    );
    let position = kernel_lock(tables, 0xffff_8881_0000_00c0, MUTEX_TYPE, None);
    count(
        tables,
        position,
        &[(300, 40 * US), (90, 2 * MS), (10, 11 * MS)],
    );
    tables.add_waits(
        position,
        &Waits {
            spin_ns: 9 * MS,
            interrupted: 1,
            not_acquired_ns: 3 * MS,
            ..Waits::default()
        },
    );
    let holder = Some(Holder {
        thread: third,
        stack: Some(release),
    });
    tables.add_site(position, write, first, holder, &sampled(24, 2 * MS, 2));
    tables.add_site(position, seek, second, holder, &sampled(10, 11 * MS, 0));
    tables.add_site(position, write, second, None, &sampled(75, 40 * US, 2));

    let pipe = stack(tables, &["pipe_write", "vfs_write", "ksys_write"], &[], 0);
    let wake = stack(tables, &["try_to_wake_up", "wake_up_q"], &[], 0);
    for (index, site) in [(0, Some(pipe)), (1, Some(wake)), (2, None)] {
        let lock = kernel_lock(tables, 0xffff_8881_0000_1000 + 0x40 * index, SPINLOCK, None);
        count(tables, lock, &[(200, 700 + 400 * index)]);
        if let Some(site) = site {
            let estimate = sampled(50, 700 + 400 * index, 2);
            tables.add_site(lock, site, cast.kworker, None, &estimate);
        }
    }

    let fault = stack(
        tables,
        &["lock_mm_and_find_vma", "exc_page_fault"],
        &["server::cache::fill"],
        0,
    );
    let map = stack(
        tables,
        &["vm_mmap_pgoff", "ksys_mmap_pgoff"],
        &["mmap64", "?"],
        0,
    );
    for (flags, site, lengths) in [(READ, fault, (120, 90 * US)), (WRITE, map, (16, 1500 * US))] {
        let lock_type = LockType::Kernel(flags);
        let lock = kernel_lock(tables, 0xffff_8881_0000_2000, lock_type, Some("mmap_lock"));
        count(tables, lock, &[lengths]);
        let estimate = sampled(lengths.0 / 4, lengths.1, 2);
        tables.add_site(lock, site, second, None, &estimate);
    }
}

fn user_locks(tables: &mut Tables, cast: &Cast) {
    let [first, second, third] = cast.workers;
    let private = |address| Identity::Private {
        process: cast.server,
        address,
    };
    let (mutex, pi) = (LockType::User(Class::Mutex), LockType::User(Class::PiMutex));
    let jobs = tables.lock(
        private(0x55d0_c0de_0010),
        mutex,
        "FUTEX_WAIT_BITSET, 2",
        None,
    );
    count(tables, jobs, &[(400, 150 * US), (60, 3 * MS)]);
    tables.add_waits(
        jobs,
        &Waits {
            runqueue_ns: 12 * MS,
            ..Waits::default()
        },
    );
    let push = stack(
        tables,
        &[],
        &[
            "syscall",
            "std::sys::sync::mutex::futex::Mutex::lock_contended",
            "~std::sync::mutex::Mutex<alloc::vec::Vec<server::Job>>::lock",
            "server::queue::Queue<server::Job>::push",
            "server::pool::run",
        ],
        3,
    );
    let pop = stack(
        tables,
        &[],
        &[
            "syscall",
            "std::sys::sync::mutex::futex::Mutex::unlock",
            "server::queue::Queue<server::Job>::pop",
            "server::pool::run",
        ],
        2,
    );
    let holder = Some(Holder {
        thread: third,
        stack: Some(pop),
    });
    tables.add_site(jobs, push, first, holder, &sampled(15, 3 * MS, 2));
    tables.add_site(jobs, push, second, holder, &sampled(100, 150 * US, 2));

    let arena = tables.lock(private(0x7f12_0000_0020), mutex, "FUTEX_WAIT, 2", None);
    count(tables, arena, &[(80, 20 * US)]);
    let malloc = stack(
        tables,
        &[],
        &["__lll_lock_wait_private", "malloc", "server::cache::fill"],
        1,
    );
    tables.add_site(arena, malloc, first, None, &sampled(20, 20 * US, 2));

    let shared = tables.lock(
        Identity::Shared {
            object: "/dev/shm/PostgreSQL.731+0x40".to_owned(),
        },
        LockType::User(Class::Semaphore),
        "FUTEX_WAIT_BITSET, 0",
        None,
    );
    count(tables, shared, &[(40, 500 * US)]);
    let mut acquire = Stack {
        user: frames(
            tables,
            "postgres",
            &["do_futex_wait", "PGSemaphoreLock", "LWLockAcquire"],
        ),
        user_locking: 1,
        ..Stack::default()
    };
    acquire.cut = true;
    let acquire = tables.stack(acquire);
    tables.add_site(
        shared,
        acquire,
        cast.postgres,
        None,
        &sampled(10, 500 * US, 2),
    );

    let audio = tables.lock(
        private(0x55d0_c0de_0400),
        pi,
        "FUTEX_LOCK_PI",
        Some("AUDIO"),
    );
    count(tables, audio, &[(4, 5 * MS)]);
    tables.add_waits(
        audio,
        &Waits {
            timed_out: 7,
            not_acquired_ns: 70 * MS,
            ..Waits::default()
        },
    );
    let mix = stack(
        tables,
        &[],
        &["__pthread_mutex_lock_full", "server::audio::mix"],
        1,
    );
    tables.add_site(audio, mix, cast.main, None, &sampled(4, 5 * MS, 0));

    // The main thread waits for a worker, which waits for the one that writes.
    let position = LockId(0);
    let chain = [(cast.main, audio), (first, jobs), (second, position)]
        .map(|(thread, lock)| ChainLink { thread, lock });
    tables.add_chain(chain.to_vec(), Some(third), &sampled(3, 5 * MS, 0));
    let snapshot = tables.snapshot_mut();
    for (lock, stack, thread, start_ns, wait_ns) in [
        (position, StackId(1), second, 5_100 * MS, 11 * MS),
        (audio, mix, cast.main, 5_900 * MS, 5 * MS),
    ] {
        snapshot.longest.push(Interval {
            lock,
            stack,
            thread,
            holder,
            start_ns,
            wait_ns,
        });
    }
    snapshot.open.push(Open {
        lock: jobs,
        stack: Some(push),
        thread: first,
        waited_ns: 42 * MS,
    });
    snapshot.open.push(Open {
        lock: position,
        stack: None,
        thread: second,
        waited_ns: 2 * MS,
    });
}

fn idle(tables: &mut Tables, cast: &Cast) {
    let condvar = tables.lock(
        Identity::Private {
            process: cast.server,
            address: 0x55d0_c0de_0014,
        },
        LockType::User(Class::Condvar),
        "FUTEX_WAIT_BITSET, 0",
        None,
    );
    count(tables, condvar, &[(80, 100 * MS)]);
    tables.add_waits(
        condvar,
        &Waits {
            timed_out: 20,
            not_acquired_ns: 900 * MS,
            ..Waits::default()
        },
    );
    let wait = stack(
        tables,
        &[],
        &[
            "__pthread_cond_wait",
            "server::pool::next",
            "server::pool::run",
        ],
        1,
    );
    for worker in cast.workers {
        tables.add_site(condvar, wait, worker, None, &sampled(25, 100 * MS, 0));
    }
}

fn about(snapshot: &mut Snapshot) {
    snapshot.started_unix_ms = 1_790_000_000_000;
    snapshot.started_ns = 5_000 * MS;
    snapshot.duration_ns = 2_000 * MS;
    snapshot.own_cpu_ns = 31 * MS;
    snapshot.about = About {
        lock_version: "0.1.0".to_owned(),
        kernel: "6.18.0".to_owned(),
        cpus: 2,
        scope: Scope::System,
        filters: vec!["at least 500 ns".to_owned()],
        own_included: false,
        exact: false,
        blind_spots: vec![
            "the first waiter of a spinlock (the qspinlock's pending bit), except in guests \
             with paravirtual spinlocks"
                .to_owned(),
            "waits that were under way when recording began (some are seen in part)".to_owned(),
        ],
    };
    snapshot.notes = vec![
        "stripped: names of /usr/lib/libfoo.so.1 are addresses: install libfoo1-dbgsym".into(),
    ];
    let hook = |kind: &str, name: &str, missed, runs, each_ns: u64| Hook {
        kind: kind.to_owned(),
        name: name.to_owned(),
        missed,
        timed_runs: runs,
        timed_ns: runs * each_ns,
        cost_ns: runs * each_ns,
    };
    snapshot.hooks = vec![
        hook("tp_btf", "contention_begin", 2, 1_136, 140),
        hook("tp_btf", "contention_end", 0, 1_135, 310),
        hook("tp_btf", "sched_switch", 0, 52_000, 45),
        hook("tp_btf", "sched_waking", 0, 31_000, 60),
    ];
}

fn account(snapshot: &mut Snapshot) {
    let ended = |kernel: bool| {
        snapshot
            .locks
            .iter()
            .filter(|lock| matches!(lock.lock_type, LockType::Kernel(_)) == kernel)
            .map(|lock| lock.waits.count + lock.waits.failed())
            .sum()
    };
    let mut kernel = Events {
        repeats: 17,
        ended: ended(true),
        filtered: 212,
        lost: Lost {
            table_full: 3,
            ..Lost::default()
        },
        open: 1,
        ends_without_begin: 4,
        nested: 6,
        ..Events::default()
    };
    let mut user = Events {
        ended: ended(false),
        open: 1,
        ..Events::default()
    };
    kernel.begins = kernel.explained();
    user.begins = user.explained();
    snapshot.account = Account {
        kernel,
        user,
        samples: Samples {
            taken: 469,
            used: 467,
            buffer_full: 2,
            stacks_full: 0,
            stack_unreadable: 1,
            user_stacks: 300,
            user_stacks_cut: 12,
        },
        children_not_followed: 0,
    };
}

#[test]
fn its_account_holds() {
    assert!(snapshot().account.holds());
}
