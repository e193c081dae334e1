//! The ids that the rows of an interval have in the whole: looked up once per row, so that
//! references to them are translated by index.

use crate::profile::{
    snapshot::{FrameId, Holder, Identity, LockId, ProcessId, Snapshot, Stack, StackId, ThreadId},
    snapshot_builder::SnapshotBuilder,
};

/// For each row of an interval its id in the whole; none for a row that is left out.
#[derive(Debug, Default)]
pub(super) struct Ids {
    frames: Vec<FrameId>,
    stacks: Vec<StackId>,
    processes: Vec<ProcessId>,
    threads: Vec<Option<ThreadId>>,
    pub(super) locks: Vec<Option<LockId>>,
    /// How many rows were left out because they refer to something that is not there.
    pub(super) dropped: u64,
}

impl Ids {
    /// Adds the rows of an interval to the whole. Processes are the same if
    /// their numbers are, and threads if theirs and their processes are.
    pub(super) fn of(interval: &Snapshot, builder: &mut SnapshotBuilder) -> Self {
        let mut ids = Self::default();
        let frames = interval.frames.iter();
        ids.frames = frames.map(|frame| builder.frame(frame)).collect();
        let stacks = interval.stacks.iter();
        ids.stacks = stacks
            .map(|stack| {
                let stack = with_frames(&ids.frames, stack, &mut ids.dropped);
                builder.stack(stack)
            })
            .collect();
        let processes = interval.processes.iter();
        ids.processes = processes.map(|process| builder.process(process)).collect();
        for thread in &interval.threads {
            let id = ids.row(|ids| {
                let process = ids.process(thread.process)?;
                Some(builder.thread(thread.tid, &thread.comm, process))
            });
            ids.threads.push(id);
        }
        for lock in &interval.locks {
            let id = ids.row(|ids| {
                let identity = match &lock.identity {
                    Identity::Private { process, address } => Identity::Private {
                        process: ids.process(*process)?,
                        address: *address,
                    },
                    identity @ (Identity::Kernel { .. }
                    | Identity::Shared { .. }
                    | Identity::Other) => identity.clone(),
                };
                let name = lock.name.as_deref();
                let id = builder.lock(identity, lock.lock_type, &lock.operation, name);
                builder.set_role(id, lock.role);
                Some(id)
            });
            ids.locks.push(id);
        }
        ids
    }

    /// Makes a row, or counts that it is left out.
    pub(super) fn row<T>(&mut self, row: impl FnOnce(&Self) -> Option<T>) -> Option<T> {
        let row = row(self);
        if row.is_none() {
            self.dropped = self.dropped.saturating_add(1);
        }
        row
    }

    fn process(&self, id: ProcessId) -> Option<ProcessId> {
        self.processes.get(id.index()).copied()
    }

    /// The id of a stack.
    pub(super) fn stack(&self, id: StackId) -> Option<StackId> {
        self.stacks.get(id.index()).copied()
    }

    /// The id of a thread.
    pub(super) fn thread(&self, id: ThreadId) -> Option<ThreadId> {
        self.threads.get(id.index()).copied().flatten()
    }

    /// The id of a lock.
    pub(super) fn lock(&self, id: LockId) -> Option<LockId> {
        self.locks.get(id.index()).copied().flatten()
    }

    /// The id of a stack that need not be known: none only if it leads nowhere.
    pub(super) fn optional_stack(&self, id: Option<StackId>) -> Option<Option<StackId>> {
        match id {
            Some(id) => self.stack(id).map(Some),
            None => Some(None),
        }
    }

    /// The id of a thread that need not be known: none only if it leads nowhere.
    pub(super) fn optional_thread(&self, id: Option<ThreadId>) -> Option<Option<ThreadId>> {
        match id {
            Some(id) => self.thread(id).map(Some),
            None => Some(None),
        }
    }

    /// The same of a holder, with the ids of its thread and stack.
    pub(super) fn holder(&self, holder: Option<Holder>) -> Option<Option<Holder>> {
        let Some(Holder { thread, stack }) = holder else {
            return Some(None);
        };
        Some(Some(Holder {
            thread: self.thread(thread)?,
            stack: self.optional_stack(stack)?,
        }))
    }
}

/// A stack with its the ids of its frames. A frame that is not there is left out and counted.
fn with_frames(frames: &[FrameId], stack: &Stack, dropped: &mut u64) -> Stack {
    let mut ids = |ids: &[FrameId]| {
        let there = ids.iter().filter_map(|id| frames.get(id.index()).copied());
        let there: Vec<_> = there.collect();
        let missing = ids.len().saturating_sub(there.len()) as u64;
        *dropped = dropped.saturating_add(missing);
        there
    };
    let user = ids(&stack.user);
    Stack {
        kernel: ids(&stack.kernel),
        user_locking: stack
            .user_locking
            .min(u32::try_from(user.len()).unwrap_or(u32::MAX)),
        user,
        cut: stack.cut,
        lost: stack.lost,
    }
}
