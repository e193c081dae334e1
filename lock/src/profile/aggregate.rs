//! A snapshot added up by lock type and calling function, and the account of its events.

use std::{collections::BTreeMap, fmt};

use crate::{
    profile::{
        lock_type::LockType,
        snapshot::{Counts, Ended, Open, Snapshot, Waits},
    },
    symbol::locking,
};

/// What a lock is known by: its type and who waits for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Site {
    /// The type of the lock.
    pub(crate) lock_type: LockType,
    /// The function that waits for it.
    pub(crate) caller: Caller,
}

/// The first function outside the locking code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    /// Its name.
    Function(String),
    /// Its address, where names are not known.
    Address(u64),
    /// The stack was lost.
    StackLost,
    /// The stack has nothing but locking code.
    Unknown,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => f.pad(name),
            Self::Address(address) => write!(f, "{address:#x}"),
            Self::StackLost => f.pad("(stack lost)"),
            Self::Unknown => f.pad("(unknown)"),
        }
    }
}

/// A snapshot, added up.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    /// Site -> its waits that ended.
    pub(crate) ended: BTreeMap<Site, Waits>,
    /// Site -> its waits that had not ended.
    pub(crate) open: BTreeMap<Site, StillWaiting>,
    /// The account of all events.
    pub(crate) account: Account,
}

/// Waits that had not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StillWaiting {
    /// How many.
    pub(crate) count: u64,
    /// How long the longest had lasted, in nanoseconds.
    pub(crate) longest_ns: u64,
}

/// Where the events went. Each begin of a wait is in exactly one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    /// What the programs counted.
    pub(crate) counts: Counts,
    /// Waits in the report, acquired or not.
    pub(crate) reported: u64,
    /// Waits that had not ended.
    pub(crate) still_waiting: u64,
}

impl Account {
    /// What begins must come to.
    pub(crate) fn explained(&self) -> u64 {
        self.counts.repeats + self.reported + self.counts.lost.total() + self.still_waiting
    }

    /// Whether begins = repeats + reported + lost + still waiting.
    pub(crate) fn holds(&self) -> bool {
        self.counts.begins == self.explained()
    }
}

/// Adds a snapshot up.
pub(crate) fn aggregate(snapshot: &Snapshot) -> Aggregate {
    let callers = Callers::of(snapshot);
    let site = |lock_type, stack| Site {
        lock_type,
        caller: callers.of_stack(lock_type, stack),
    };

    let mut ended: BTreeMap<Site, Waits> = BTreeMap::new();
    for &Ended {
        lock_type,
        stack,
        waits,
    } in &snapshot.ended
    {
        ended.entry(site(lock_type, stack)).or_default().add(&waits);
    }
    let mut open: BTreeMap<Site, StillWaiting> = BTreeMap::new();
    for &Open {
        lock_type,
        stack,
        tid: _,
        waited_ns,
    } in &snapshot.open
    {
        let waiting = open.entry(site(lock_type, stack)).or_default();
        waiting.count += 1;
        waiting.longest_ns = waiting.longest_ns.max(waited_ns);
    }
    let account = Account {
        counts: snapshot.counts,
        reported: ended
            .values()
            .map(|waits| waits.count + waits.not_acquired)
            .sum(),
        still_waiting: open.values().map(|waiting| waiting.count).sum(),
    };
    Aggregate {
        ended,
        open,
        account,
    }
}

/// Finds the caller in a stack.
struct Callers<'a> {
    snapshot: &'a Snapshot,
    /// Lock type -> how many innermost frames all its stacks share.
    shared: BTreeMap<LockType, usize>,
}

impl<'a> Callers<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let ended = snapshot.ended.iter().map(|row| (row.lock_type, row.stack));
        let open = snapshot.open.iter().map(|row| (row.lock_type, row.stack));
        let mut first: BTreeMap<LockType, &[u64]> = BTreeMap::new();
        let mut shared: BTreeMap<LockType, usize> = BTreeMap::new();
        for (lock_type, stack) in ended.chain(open) {
            let Some(stack) = stack.and_then(|id| snapshot.stacks.get(&id)) else {
                continue;
            };
            let first = first.entry(lock_type).or_insert(stack);
            let common = first.iter().zip(stack).take_while(|(a, b)| a == b).count();
            let shared = shared.entry(lock_type).or_insert(common);
            *shared = common.min(*shared);
        }
        Self { snapshot, shared }
    }

    fn of_stack(&self, lock_type: LockType, stack: Option<u32>) -> Caller {
        let Some(addresses) = stack.and_then(|id| self.snapshot.stacks.get(&id)) else {
            return Caller::StackLost;
        };
        if self.snapshot.nameless.is_some() {
            // Tracing and locking cannot be told by name. They are about what all stacks
            // of the type begin with.
            let shared = self.shared.get(&lock_type).copied().unwrap_or(0);
            let address = addresses.get(shared).or_else(|| addresses.first());
            return address.map_or(Caller::Unknown, |&address| Caller::Address(address));
        }
        let name = |address| self.snapshot.functions.get(address).map(String::as_str);
        let names: Vec<Option<&str>> = addresses.iter().map(name).collect();
        locking::caller(&names)
            .and_then(|index| Some((names.get(index)?, addresses.get(index)?)))
            .map_or(Caller::Unknown, |(name, &address)| match name {
                Some(name) => Caller::Function((*name).to_owned()),
                None => Caller::Address(address),
            })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::{Caller, Site, StillWaiting, aggregate};
    use crate::profile::{
        lock_type::LockType,
        snapshot::{Counts, Ended, Hook, Lost, Open, Scope, Snapshot, StackLost, Waits},
    };

    /// A mutex with two stacks through one caller, a spinlock, a lost stack, a wait that
    /// has not ended.
    pub(crate) fn snapshot() -> Snapshot {
        let waits = |count, total_ns, min_ns, max_ns| Waits {
            count,
            total_ns,
            min_ns,
            max_ns,
            ..Waits::default()
        };
        let names = [
            (0x100, "bpf_prog_0123456789abcdef_contention_begin"),
            (0x110, "bpf_trace_run2"),
            (0x120, "__mutex_lock.constprop.0"),
            (0x130, "fdget_pos"),
            (0x140, "ksys_lseek"),
            (0x150, "ksys_write"),
            (0x160, "native_queued_spin_lock_slowpath"),
            (0x170, "_raw_spin_lock_irqsave"),
            (0x180, "pipe_write"),
        ];
        Snapshot {
            kernel: "6.18.0".to_owned(),
            scope: Scope::Command {
                command: vec!["./server".to_owned(), "--fast".to_owned()],
            },
            own_included: false,
            duration_ns: 2_000_000_000,
            hooks: vec![
                Hook {
                    name: "contention_begin".to_owned(),
                    missed: 2,
                },
                Hook {
                    name: "contention_end".to_owned(),
                    missed: 0,
                },
            ],
            counts: Counts {
                begins: 29,
                repeats: 5,
                lost: Lost {
                    map_full: 1,
                    ..Lost::default()
                },
                stack_lost: StackLost {
                    collision: 1,
                    ..StackLost::default()
                },
                ends_without_begin: 3,
                children_not_followed: 0,
            },
            ended: vec![
                Ended {
                    lock_type: LockType(32),
                    stack: Some(1),
                    waits: waits(4, 40_000_000, 9_000_000, 12_000_000),
                },
                Ended {
                    lock_type: LockType(32),
                    stack: Some(2),
                    waits: Waits {
                        not_acquired: 2,
                        not_acquired_ns: 5_000,
                        ..waits(1, 2_000_000, 2_000_000, 2_000_000)
                    },
                },
                Ended {
                    lock_type: LockType(1),
                    stack: Some(3),
                    waits: waits(14, 7_000, 300, 900),
                },
                Ended {
                    lock_type: LockType(1),
                    stack: None,
                    waits: waits(1, 450, 450, 450),
                },
            ],
            open: vec![Open {
                lock_type: LockType(32),
                stack: Some(2),
                tid: 77,
                waited_ns: 1_500_000_000,
            }],
            stacks: BTreeMap::from([
                (1, vec![0x100, 0x110, 0x120, 0x130, 0x140]),
                (2, vec![0x100, 0x110, 0x120, 0x130, 0x150]),
                (3, vec![0x100, 0x110, 0x160, 0x170, 0x180]),
            ]),
            functions: names
                .map(|(address, name)| (address, name.to_owned()))
                .into(),
            nameless: None,
        }
    }

    fn site(lock_type: u32, caller: &str) -> Site {
        Site {
            lock_type: LockType(lock_type),
            caller: Caller::Function(caller.to_owned()),
        }
    }

    #[test]
    fn stacks_with_one_caller_are_one_site() {
        let aggregate = aggregate(&snapshot());
        assert_eq!(
            aggregate.ended[&site(32, "fdget_pos")],
            Waits {
                count: 5,
                total_ns: 42_000_000,
                min_ns: 2_000_000,
                max_ns: 12_000_000,
                not_acquired: 2,
                not_acquired_ns: 5_000,
            }
        );
        assert_eq!(aggregate.ended[&site(1, "pipe_write")].count, 14);
        let lost = Site {
            lock_type: LockType(1),
            caller: Caller::StackLost,
        };
        assert_eq!(aggregate.ended[&lost].total_ns, 450);
        assert_eq!(aggregate.ended.len(), 3);
        assert_eq!(
            aggregate.open[&site(32, "fdget_pos")],
            StillWaiting {
                count: 1,
                longest_ns: 1_500_000_000
            }
        );
    }

    #[test]
    fn the_account_holds_just_when_every_begin_is_explained() {
        let mut snapshot = snapshot();
        let account = aggregate(&snapshot).account;
        assert_eq!((account.reported, account.still_waiting), (22, 1));
        assert!(account.holds());
        snapshot.counts.begins += 1;
        assert!(!aggregate(&snapshot).account.holds());
    }

    #[test]
    fn without_names_there_are_the_addresses_where_stacks_part() {
        let mut snapshot = snapshot();
        snapshot.functions.clear();
        snapshot.nameless = Some("hidden".to_owned());
        let aggregate = aggregate(&snapshot);
        let callers: Vec<_> = aggregate
            .ended
            .keys()
            .map(|site| site.caller.to_string())
            .collect();
        // One spinlock stack has nothing to part from; the mutex's two part at 0x140.
        assert_eq!(callers, ["0x100", "(stack lost)", "0x140", "0x150"]);
    }

    #[test]
    fn a_snapshot_survives_its_way_over_a_disk() {
        let snapshot = snapshot();
        let text = serde_json::to_string(&snapshot).expect("plain data");
        assert_eq!(
            serde_json::from_str::<Snapshot>(&text).expect("the same"),
            snapshot
        );
    }
}
