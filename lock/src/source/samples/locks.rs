//! What is known of each lock, and its id in a snapshot.

use std::collections::HashMap;

use crate::{
    profile::{
        futex_role::FutexRole,
        lock_type::{Class, LockType},
        snapshot::{Identity, LockId},
        snapshot_builder::SnapshotBuilder,
    },
    source::{
        samples::{
            REMEMBERED,
            decode::{lock_type, operation},
        },
        threads::Threads,
        totals::LockKey,
    },
    symbol::{Symbols, process_info},
};

/// What is known of a lock.
#[derive(Debug, Clone, Default)]
pub(super) struct LockInfo {
    pub(super) name: Option<String>,
    pub(super) class: Option<Class>,
    pub(super) role: FutexRole,
    /// For a futex that processes share: what memory, and where in it. None within if that
    /// could not be told.
    shared: Option<Option<String>>,
    /// The variable that it is, or is in, once that is known.
    variable: Option<String>,
}

impl LockInfo {
    /// The variable that a lock of a process is, or is in.
    fn variable(&mut self, key: LockKey, symbols: &Symbols) -> Option<&str> {
        // The word of a waiter is nobody's lock.
        if self.variable.is_none()
            && matches!(
                self.role,
                FutexRole::Own | FutexRole::Pair | FutexRole::Queue
            )
        {
            let address = self.address(key);
            self.variable = symbols.variable(key.tgid, address);
        }
        self.variable.as_deref()
    }

    /// Where the lock begins that a futex is of.
    fn address(&self, key: LockKey) -> u64 {
        // glibc's pthread_rwlock_t and pthread_cond_t; other libraries wait otherwise.
        let before = match (self.role, self.class) {
            (FutexRole::Pair, Some(Class::RwLock)) => 8,
            (FutexRole::Pair, Some(Class::Condvar)) => 40,
            (FutexRole::Queue, _) => 0,
            _ => return key.address,
        };
        let address = self.role.lock_address(key.address);
        address.saturating_sub(before)
    }
}

/// The locks that were seen.
#[derive(Debug, Default)]
pub(super) struct Locks(HashMap<LockKey, LockInfo>);

impl Locks {
    /// What is known of a lock, to be added to.
    pub(super) fn info(&mut self, key: LockKey) -> &mut LockInfo {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.entry(key).or_default()
    }

    /// Learns what memory a futex is in, if processes share it. Soon: a process may be about to
    /// end.
    pub(super) fn locate(&mut self, key: LockKey) {
        if key.is_user() && !key.kind.is_private() {
            self.info(key)
                .shared
                .get_or_insert_with(|| process_info::shared_memory(key.tgid, key.address));
        }
    }

    /// The id of a lock in a snapshot, to which it is added, with all that is known of it.
    pub(super) fn id(
        &mut self,
        key: LockKey,
        builder: &mut SnapshotBuilder,
        symbols: &mut Symbols,
        threads: &mut Threads,
    ) -> LockId {
        if key.address == 0 {
            return builder.lock(Identity::Other, lock_type(key.kind, None), "", None);
        }
        if !key.is_user() {
            let known = self.0.get(&key).and_then(|it| it.name.clone());
            let name = known.or_else(|| symbols.kernel_data(key.address));
            let identity = Identity::Kernel {
                address: key.address,
            };
            let lock_type = LockType::Kernel(key.kind.lock_type());
            return builder.lock(identity, lock_type, "", name.as_deref());
        }
        let info = self.0.entry(key).or_default();
        let object = if key.kind.is_private() {
            None
        } else {
            info.shared
                .get_or_insert_with(|| process_info::shared_memory(key.tgid, key.address))
                .clone()
        };
        if object.is_none() && info.name.is_none() {
            info.variable(key, symbols);
        }
        let identity = match object {
            Some(object) => Identity::Shared { object },
            None => Identity::Private {
                process: threads.process_id(builder, key.tgid),
                address: key.address,
            },
        };
        let id = builder.lock(
            identity,
            lock_type(key.kind, info.class),
            &operation(key.kind).to_string(),
            info.name.as_deref().or(info.variable.as_deref()),
        );
        builder.set_role(id, info.role);
        id
    }
}
