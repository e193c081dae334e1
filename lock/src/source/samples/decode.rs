//! What the numbers of an event stand for.

use lock_common::{Event, WaitKind};

use crate::{
    profile::lock_type::{Class, LockType},
    source::totals::LockKey,
    symbol::class::{self, Call, Operation},
};

pub(super) fn lock_key(event: &Event) -> LockKey {
    LockKey {
        address: event.lock,
        tgid: if event.kind.is_user() { event.tgid } else { 0 },
        kind: event.kind,
    }
}

/// The type of a lock: for a user lock its class, or what the operation alone shows.
pub(super) fn lock_type(kind: WaitKind, class: Option<Class>) -> LockType {
    if kind.is_user() {
        LockType::User(class.unwrap_or_else(|| class::from_operation(operation(kind))))
    } else {
        LockType::Kernel(kind.lock_type())
    }
}

/// The futex operation, of whose value only the class is known.
pub(super) fn operation(kind: WaitKind) -> Operation {
    let (call, op) = match kind.command() {
        WaitKind::WAITV => (Call::Waitv, 0),
        WaitKind::FUTEX2_WAIT => (Call::Futex2, 0),
        op => (Call::Futex, op),
    };
    Operation {
        call,
        op,
        private: kind.is_private(),
        realtime: kind.is_realtime(),
        queued: kind.is_queued(),
        value: kind.value().exact().unwrap_or(Operation::OTHER_VALUE),
    }
}
