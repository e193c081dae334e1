//! Every exporter on a recording as large as the recorder's tables allow: nothing may
//! grow faster than what is written.

use std::time::Duration;

use crate::{
    clock::thread_cpu,
    profile::{
        group::Filter,
        lock_type::{Class, LockType},
        snapshot::{Estimate, Frame, Holder, Identity, Process, SampledWait, Snapshot, Stack},
        snapshot_builder::{SnapshotBuilder, keep_longest},
    },
    view::{chrome, flamegraph, folded, folded::Side, pprof},
};

const SITES: usize = 20_000;
const STACKS: usize = 5_000;
const DEPTH: usize = 40;

/// Stacks that share their outer halves, as real ones do, and a thousand locks.
fn snapshot() -> Snapshot {
    let mut random = fastrand::Rng::with_seed(1);
    let mut builder = SnapshotBuilder::default();
    let process = builder.process(&Process {
        pid: 1,
        comm: "large".to_owned(),
        ..Process::default()
    });
    let stacks: Vec<_> = (0..STACKS)
        .map(|stack| {
            let user = (0..DEPTH)
                .map(|depth| {
                    let variant = stack >> (depth / 2);
                    let address = (variant * DEPTH + depth) as u64;
                    builder.frame(&Frame {
                        address,
                        function: Some(format!("module::function_{address}")),
                        module: format!("lib{}.so", address % 20),
                        inlined: address.is_multiple_of(5),
                        ..Frame::default()
                    })
                })
                .collect();
            builder.stack(Stack {
                user,
                ..Stack::default()
            })
        })
        .collect();
    let locks: Vec<_> = (0..1000_u64)
        .map(|address| {
            let identity = Identity::Private { process, address };
            builder.lock(identity, LockType::User(Class::Mutex), "", None)
        })
        .collect();
    let threads: Vec<_> = (0..200)
        .map(|tid| builder.thread(tid, "worker", process))
        .collect();
    let mut longest = Vec::new();
    while builder.snapshot().sites.len() < SITES {
        let lock = locks[random.usize(..locks.len())];
        let stack = stacks[random.usize(..stacks.len())];
        let thread = threads[random.usize(..threads.len())];
        let holder = Some(Holder {
            thread: threads[random.usize(..threads.len())],
            stack: Some(stacks[random.usize(..stacks.len())]),
        });
        let wait_ns = random.u64(1_000..1_000_000);
        builder.add_site(lock, stack, thread, holder, &Estimate::of(wait_ns, 3));
        longest.push(SampledWait {
            lock,
            stack,
            thread,
            holder,
            start_ns: random.u64(..1_000_000_000),
            wait_ns,
        });
    }
    keep_longest(&mut longest);
    Snapshot {
        longest,
        ..builder.finish()
    }
}

#[test]
fn every_exporter_is_done_in_seconds() {
    let snapshot = snapshot();
    assert_eq!(
        (snapshot.sites.len(), snapshot.stacks.len()),
        (SITES, STACKS)
    );
    let filter = Filter::default();
    for side in [Side::Waiters, Side::Holders] {
        for (name, most, export) in [
            (
                "folded",
                30 << 20,
                &(|| folded::folded(&snapshot, side, &filter).into_bytes()) as &dyn Fn() -> Vec<u8>,
            ),
            ("svg", 60 << 20, &|| {
                flamegraph::svg(&snapshot, side, &filter).unwrap()
            }),
            ("pprof", 4 << 20, &|| {
                pprof::profile(&snapshot, side, &filter).unwrap()
            }),
            ("chrome", 6 << 20, &|| {
                chrome::trace(&snapshot, &filter).unwrap()
            }),
        ] {
            let start = thread_cpu();
            let bytes = export();
            let took = thread_cpu() - start;
            assert!(
                bytes.len() < most,
                "{name} of {side:?}: {} bytes",
                bytes.len()
            );
            // CPU time of an unoptimised build; the square of this would be hours.
            assert!(
                took < Duration::from_secs(30),
                "{name} of {side:?}: {took:?}"
            );
        }
    }
}
