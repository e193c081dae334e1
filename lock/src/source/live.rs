//! A snapshot from the maps of programs that have just stopped. Each map is read once.

use std::collections::{BTreeMap, BTreeSet};

use aya::{
    Ebpf,
    maps::{HashMap, MapData, MapError, PerCpuArray, PerCpuHashMap, StackTraceMap},
};
use lock_common::{Counter, NO_STACK, Spins, Totals, TotalsKey, Wait, WaitKey, lock_type};

use crate::{
    error::{Error, Result},
    probe::{
        attach::Detached,
        load::{Shared, map, strange_object},
        requirements::{in_initial_pid_namespace, kernel_release},
    },
    profile::{
        lock_type::LockType,
        snapshot::{Counts, Ended, Lost, Open, Scope, Snapshot, StackLost, Waits},
    },
    symbol::kernel::{self, Functions},
};

/// Reads what was recorded. The programs must still be loaded: their names, which stacks
/// begin with, go with them.
pub(crate) fn read(detached: &Detached, scope: Scope) -> Result<Snapshot> {
    let Detached {
        ebpf,
        hooks,
        duration_ns,
        until_ns,
    } = detached;
    let counts = read_counts(ebpf)?;
    let ended = read_ended(ebpf)?;
    let open = read_open(ebpf, *until_ns)?;
    let ids = ended
        .iter()
        .filter_map(|ended| ended.stack)
        .chain(open.iter().filter_map(|open| open.stack))
        .collect();
    let stacks = read_stacks(ebpf, &ids)?;
    let addresses = stacks.values().flatten().copied().collect();
    let Functions { names, nameless } = kernel::functions(&addresses);
    Ok(Snapshot {
        kernel: kernel_release(),
        own_included: scope == Scope::System && !in_initial_pid_namespace(),
        scope,
        duration_ns: *duration_ns,
        hooks: hooks.clone(),
        counts,
        ended,
        open,
        stacks,
        functions: names,
        nameless,
    })
}

/// A map of the object by its name, as its type.
fn typed<'a, M>(ebpf: &'a Ebpf, name: &str) -> Result<M>
where
    M: TryFrom<&'a aya::maps::Map, Error = MapError>,
{
    let map = ebpf
        .map(name)
        .ok_or_else(|| strange_object(&format!("it has no map {name}")))?;
    M::try_from(map).map_err(|error| strange_object(&format!("its map {name}: {error}")))
}

fn unreadable(name: &str, error: &MapError) -> Error {
    Error::new(
        "unreadable-map",
        format!("the map {name} could not be read"),
    )
    .because_of(error)
}

fn read_counts(ebpf: &Ebpf) -> Result<Counts> {
    let array: PerCpuArray<&MapData, u64> = typed(ebpf, map::COUNTS)?;
    let mut counts = Counts::default();
    for &counter in Counter::ALL {
        let sum = array
            .get(&(counter as u32), 0)
            .map_err(|error| unreadable(map::COUNTS, &error))?
            .iter()
            .sum();
        let Counts {
            begins,
            repeats,
            lost:
                Lost {
                    map_full,
                    map_busy,
                    nested,
                    end_not_seen,
                },
            stack_lost:
                StackLost {
                    collision,
                    unreadable,
                    no_memory,
                    table_full,
                },
            ends_without_begin,
            children_not_followed,
        } = &mut counts;
        *match counter {
            Counter::Begins => begins,
            Counter::Repeats => repeats,
            Counter::LostMapFull => map_full,
            Counter::LostMapBusy => map_busy,
            Counter::LostNested => nested,
            Counter::LostEnd => end_not_seen,
            Counter::StackCollision => collision,
            Counter::StackUnreadable => unreadable,
            Counter::StackNoMemory => no_memory,
            Counter::TotalsFull => table_full,
            Counter::EndsWithoutBegin => ends_without_begin,
            Counter::ChildrenNotFollowed => children_not_followed,
        } = sum;
    }
    Ok(counts)
}

fn read_ended(ebpf: &Ebpf) -> Result<Vec<Ended>> {
    let by_stack: PerCpuHashMap<&MapData, Shared<TotalsKey>, Shared<Totals>> =
        typed(ebpf, map::STACK_TOTALS)?;
    let by_type: PerCpuArray<&MapData, Shared<Totals>> = typed(ebpf, map::TYPE_TOTALS)?;
    let mut ended = Vec::new();
    for row in by_stack.iter() {
        let (Shared(key), totals) = row.map_err(|error| unreadable(map::STACK_TOTALS, &error))?;
        ended.push(Ended {
            lock_type: LockType(key.lock_type),
            stack: stack_id(key.stack),
            waits: sum(totals.iter()),
        });
    }
    for (lock_type, totals) in (0..).zip(by_type.iter()) {
        let totals = totals.map_err(|error| unreadable(map::TYPE_TOTALS, &error))?;
        ended.push(Ended {
            lock_type: LockType(lock_type),
            stack: None,
            waits: sum(totals.iter()),
        });
    }
    // Rows are made when a wait begins: some have seen no end.
    ended.retain(|row| row.waits != Waits::default());
    Ok(ended)
}

/// The totals of all CPUs together.
fn sum<'a>(cpus: impl Iterator<Item = &'a Shared<Totals>>) -> Waits {
    let mut sum = Waits::default();
    for Shared(totals) in cpus {
        let Totals {
            acquired,
            total_ns,
            min_ns,
            max_ns,
            not_acquired,
            not_acquired_ns,
        } = *totals;
        sum.add(&Waits {
            count: acquired,
            total_ns,
            min_ns,
            max_ns,
            not_acquired,
            not_acquired_ns,
        });
    }
    sum
}

fn read_open(ebpf: &Ebpf, until_ns: u64) -> Result<Vec<Open>> {
    let sleeping: HashMap<&MapData, Shared<WaitKey>, Shared<Wait>> =
        typed(ebpf, map::THREAD_WAITS)?;
    let spinning: PerCpuArray<&MapData, Shared<Spins>> = typed(ebpf, map::CPU_SPINS)?;
    let mut open = Vec::new();
    let mut add = |tid, wait: &Wait| {
        open.push(Open {
            lock_type: LockType(lock_type(wait.flags)),
            stack: stack_id(wait.stack),
            tid,
            waited_ns: until_ns.saturating_sub(wait.start_ns),
        });
    };
    for row in sleeping.iter() {
        let (Shared(key), Shared(wait)) =
            row.map_err(|error| unreadable(map::THREAD_WAITS, &error))?;
        if wait.start_ns != 0 {
            add(key.tid, &wait);
        }
    }
    let cpus = spinning
        .get(&0, 0)
        .map_err(|error| unreadable(map::CPU_SPINS, &error))?;
    for Shared(spins) in cpus.iter() {
        let places = spins.locks.iter().zip(&spins.tids).zip(&spins.waits);
        for ((_, &tid), wait) in places.filter(|((lock, _), _)| **lock != 0) {
            add(tid, wait);
        }
    }
    Ok(open)
}

fn read_stacks(ebpf: &Ebpf, ids: &BTreeSet<u32>) -> Result<BTreeMap<u32, Vec<u64>>> {
    let map: StackTraceMap<&MapData> = typed(ebpf, map::STACKS)?;
    ids.iter()
        .map(|&id| {
            let trace = map
                .get(&id, 0)
                .map_err(|error| unreadable(map::STACKS, &error))?;
            Ok((id, trace.frames().iter().map(|frame| frame.ip).collect()))
        })
        .collect()
}

fn stack_id(stack: i32) -> Option<u32> {
    match stack {
        NO_STACK => None,
        id => u32::try_from(id).ok(),
    }
}
