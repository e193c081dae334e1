//! A recording of everything that there is, for tests: a server in Rust with a pool of
//! threads on a machine with a database beside it. Its account holds.

use crate::profile::{
    fixture::locks::{Cast, idle, kernel_locks, user_locks},
    lock_type::LockType,
    snapshot::{About, Account, Events, Hook, Lost, Samples, Scope, Snapshot},
    tables::Tables,
};

mod locks;

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
    };
}

#[test]
fn its_account_holds() {
    assert!(snapshot().account.holds());
}
