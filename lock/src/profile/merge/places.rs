//! Where the rows of an interval's tables are in the tables of the whole: looked up once a
//! row, so that what refers to them is moved by index.

use crate::profile::{
    snapshot::{FrameId, Holder, Identity, LockId, ProcessId, Snapshot, Stack, StackId, ThreadId},
    tables::Tables,
};

/// For each row of an interval its place in the whole; none for a row that is left out.
#[derive(Debug, Default)]
pub(super) struct Places {
    frames: Vec<FrameId>,
    stacks: Vec<StackId>,
    processes: Vec<ProcessId>,
    threads: Vec<Option<ThreadId>>,
    pub(super) locks: Vec<Option<LockId>>,
    /// How many rows were left out because they refer to something that is not there.
    pub(super) dropped: u64,
}

impl Places {
    /// Puts the tables of an interval into those of the whole. Processes are the same if
    /// their numbers are, and threads if theirs and their processes are.
    pub(super) fn of(interval: &Snapshot, tables: &mut Tables) -> Self {
        let mut places = Self::default();
        let frames = interval.frames.iter();
        places.frames = frames.map(|frame| tables.frame(frame)).collect();
        let stacks = interval.stacks.iter();
        places.stacks = stacks
            .map(|stack| {
                let stack = places_of_frames(&places.frames, stack, &mut places.dropped);
                tables.stack(stack)
            })
            .collect();
        let processes = interval.processes.iter();
        places.processes = processes.map(|process| tables.process(process)).collect();
        for thread in &interval.threads {
            let place = places.row(|places| {
                let process = places.process(thread.process)?;
                Some(tables.thread(thread.tid, &thread.comm, process))
            });
            places.threads.push(place);
        }
        for lock in &interval.locks {
            let place = places.row(|places| {
                let identity = match &lock.identity {
                    Identity::Private { process, address } => Identity::Private {
                        process: places.process(*process)?,
                        address: *address,
                    },
                    identity @ (Identity::Kernel { .. }
                    | Identity::Shared { .. }
                    | Identity::Other) => identity.clone(),
                };
                let name = lock.name.as_deref();
                let id = tables.lock(identity, lock.lock_type, &lock.operation, name);
                tables.set_word(id, lock.word);
                Some(id)
            });
            places.locks.push(place);
        }
        places
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

    /// The place of a stack.
    pub(super) fn stack(&self, id: StackId) -> Option<StackId> {
        self.stacks.get(id.index()).copied()
    }

    /// The place of a thread.
    pub(super) fn thread(&self, id: ThreadId) -> Option<ThreadId> {
        self.threads.get(id.index()).copied().flatten()
    }

    /// The place of a lock.
    pub(super) fn lock(&self, id: LockId) -> Option<LockId> {
        self.locks.get(id.index()).copied().flatten()
    }

    /// The place of a stack that need not be known: none only if it leads nowhere.
    pub(super) fn optional_stack(&self, id: Option<StackId>) -> Option<Option<StackId>> {
        match id {
            Some(id) => self.stack(id).map(Some),
            None => Some(None),
        }
    }

    /// The place of a thread that need not be known: none only if it leads nowhere.
    pub(super) fn optional_thread(&self, id: Option<ThreadId>) -> Option<Option<ThreadId>> {
        match id {
            Some(id) => self.thread(id).map(Some),
            None => Some(None),
        }
    }

    /// The same of a holder, with the places of its thread and stack.
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

/// A stack with its frames' places. A frame that is not there is left out and counted.
fn places_of_frames(frames: &[FrameId], stack: &Stack, dropped: &mut u64) -> Stack {
    let mut places = |ids: &[FrameId]| {
        let there = ids.iter().filter_map(|id| frames.get(id.index()).copied());
        let there: Vec<_> = there.collect();
        let missing = ids.len().saturating_sub(there.len()) as u64;
        *dropped = dropped.saturating_add(missing);
        there
    };
    let user = places(&stack.user);
    Stack {
        kernel: places(&stack.kernel),
        user_locking: stack
            .user_locking
            .min(u32::try_from(user.len()).unwrap_or(u32::MAX)),
        user,
        cut: stack.cut,
        lost: stack.lost,
    }
}
