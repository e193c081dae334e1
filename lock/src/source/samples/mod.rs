//! Sampled events, as sites, chains and intervals of a snapshot.
//!
//! Everything is named as soon as it is seen: a moment later the process may be gone.

mod chain;
mod decode;
mod handover;
mod holder;
mod locks;
mod pending;

use std::rc::Rc;

use lock_common::{Event, Outcome, ThreadRef, event, hint};

use self::{
    chain::{Chain, Ended, RecentWaits},
    decode::{lock_key, operation},
    handover::{Handovers, Turn},
    holder::{Release, Releases, owner_in_memory},
    locks::Locks,
    pending::{Pending, PendingWaits, Piece},
};
use crate::{
    profile::{
        lock_type::Class,
        snapshot::{
            ChainLink, Estimate, Holder, LockId, SampleCounts, SampledWait, StackId, ThreadId,
            Waits,
        },
        snapshot_builder::{LONGEST, SnapshotBuilder, keep_longest},
    },
    source::{
        blocked::BlockedThread,
        stacks::{KernelStacks, NamedStack, intern},
        threads::Threads,
        totals::{self, LockKey},
    },
    symbol::{
        Registers, Symbols, UserStack,
        class::{self, Operation},
    },
};

/// How many locks are remembered, and of how many kernel locks the last release.
const REMEMBERED: usize = 262_144;

/// A sampled wait, whole.
struct Wait<'a> {
    event: &'a Event,
    wait_ns: u64,
    /// How long the call has taken, with its sleeps before this one.
    call_ns: u64,
    /// Whether it is a piece of a wait only.
    piece: bool,
    kernel: Option<Rc<NamedStack>>,
    user: Option<&'a UserStack>,
    holder: Option<ThreadRef>,
    released: Option<&'a UserStack>,
}

impl<'a> Wait<'a> {
    /// A wait for a user lock, or a piece of one, that has ended.
    fn of_user(
        pending: &'a Pending,
        (wait_ns, call_ns): (u64, u64),
        piece: bool,
        holder: Option<ThreadRef>,
        released: Option<&'a UserStack>,
    ) -> Self {
        Self {
            event: &pending.event,
            wait_ns,
            call_ns,
            piece,
            kernel: None,
            user: Some(&pending.stack),
            holder,
            released,
        }
    }
}

/// All that is known of samples.
pub(crate) struct SampleDecoder {
    pub(crate) symbols: Symbols,
    kernel_stacks: KernelStacks,
    pub(crate) threads: Threads,
    locks: Locks,
    pending: PendingWaits,
    recent: RecentWaits,
    releases: Releases,
    handovers: Handovers,
    /// Waits that ended unseen, which the kernel's totals lack.
    unseen: Vec<(LockKey, Waits)>,
    min_wait_ns: u64,
    counts: SampleCounts,
}

impl SampleDecoder {
    /// Nothing seen so far.
    pub(crate) fn new(kernel_stacks: KernelStacks, min_wait_ns: u64) -> Self {
        Self {
            symbols: Symbols::new(),
            kernel_stacks,
            threads: Threads::default(),
            locks: Locks::default(),
            pending: PendingWaits::default(),
            recent: RecentWaits::default(),
            releases: Releases::default(),
            handovers: Handovers::default(),
            unseen: Vec::new(),
            min_wait_ns,
            counts: SampleCounts::default(),
        }
    }

    /// What became of the samples since the last call.
    pub(crate) fn take_counts(&mut self) -> SampleCounts {
        std::mem::take(&mut self.counts)
    }

    /// Waits since the last call that the kernel's totals lack.
    pub(crate) fn take_unseen(&mut self) -> Vec<(LockKey, Waits)> {
        std::mem::take(&mut self.unseen)
    }

    /// Takes an event with its copy of a user stack.
    pub(crate) fn take(&mut self, builder: &mut SnapshotBuilder, event: &Event, bytes: &[u8]) {
        match event.event {
            event::KERNEL => self.take_kernel(builder, event, bytes),
            event::BLOCK => self.take_block(event, bytes),
            event::WAKE => self.take_wake(event, bytes),
            event::RESUME => self.take_resume(builder, event),
            event::UNSEEN => {
                if event.sample != 0 {
                    self.take_resume(builder, event);
                }
                self.unseen.push((lock_key(event), totals::of_one(event)));
            }
            event::RELEASE => self.take_release(event, bytes),
            _ => {}
        }
    }

    fn user_stack(
        &mut self,
        event: &Event,
        bytes: &[u8],
        operation: Option<Operation>,
    ) -> Option<UserStack> {
        if event.ip == 0 {
            return None;
        }
        let registers = Registers {
            ip: event.ip,
            sp: event.sp,
            bp: event.bp,
        };
        let stack = self
            .symbols
            .user_stack(event.tgid, registers, bytes, operation);
        self.counts.user_stacks += 1;
        self.counts.user_stacks_cut += u64::from(stack.cut);
        Some(stack)
    }

    fn take_kernel(&mut self, builder: &mut SnapshotBuilder, event: &Event, bytes: &[u8]) {
        self.threads.note(event.tgid, event.tid, &event.comm);
        let kernel = self.kernel_stacks.get(event.stack, &mut self.symbols);
        let user = self.user_stack(event, bytes, None);
        let name = match event.hint {
            hint::MMAP_LOCK => Some("mmap_lock"),
            _ => kernel.as_ref().and_then(|stack| stack.lock_name),
        };
        if let Some(name) = name {
            let info = self.locks.info(lock_key(event));
            info.name.get_or_insert_with(|| name.to_owned());
        }
        let released = self.releases.of(event);
        let wait = Wait {
            event,
            wait_ns: event.wait_ns,
            call_ns: event.wait_ns,
            piece: false,
            kernel,
            user: user.as_ref(),
            holder: event.holder.known(),
            released: None,
        };
        self.add(builder, &wait, released);
    }

    fn take_block(&mut self, event: &Event, bytes: &[u8]) {
        self.threads.note(event.tgid, event.tid, &event.comm);
        self.locks.locate(lock_key(event));
        let operation = operation(event.kind);
        let Some(stack) = self.user_stack(event, bytes, Some(operation)) else {
            return;
        };
        self.learn(lock_key(event), &stack);
        self.pending.open(event, stack);
    }

    /// Keeps what the stack of a wait shows of the lock.
    fn learn(&mut self, key: LockKey, stack: &UserStack) {
        let info = self.locks.info(key);
        if stack.class != Class::Unknown || stack.name.is_some() {
            info.class = Some(stack.class);
            info.role = stack.role;
        }
        if let Some(name) = stack.name {
            info.name = Some(name.to_owned());
        }
    }

    /// Where a thread waits that `/proc` shows as blocked.
    pub(super) fn blocked_stack(&mut self, blocked: &BlockedThread) -> UserStack {
        self.locks.locate(blocked.key);
        let operation = operation(blocked.key.kind);
        let stack = self.symbols.user_stack(
            blocked.key.tgid,
            blocked.registers,
            &blocked.stack(),
            Some(operation),
        );
        self.learn(blocked.key, &stack);
        stack
    }

    fn take_wake(&mut self, event: &Event, bytes: &[u8]) {
        self.threads.note(event.tgid, event.tid, &event.comm);
        let stack = self.user_stack(event, bytes, None);
        let Some(pending) = self.pending.of(event) else {
            return;
        };
        let joins = stack
            .as_ref()
            .is_some_and(|stack| class::ends_python_thread(pending.stack.name, &stack.frames));
        pending.released = stack;
        pending.woken_ns = Some(event.start_ns);
        if joins {
            let key = lock_key(&pending.event);
            self.locks.info(key).class = Some(Class::Join);
        }
    }

    fn take_release(&mut self, event: &Event, bytes: &[u8]) {
        self.threads.note(event.tgid, event.tid, &event.comm);
        let user = self.user_stack(event, bytes, None);
        if let Some(stack) = self.kernel_stacks.get(event.stack, &mut self.symbols) {
            self.releases.note(event, stack, user);
        }
    }

    fn take_resume(&mut self, builder: &mut SnapshotBuilder, event: &Event) {
        let Some(pending) = self.pending.close(event) else {
            return;
        };
        let acquired = event.outcome == Outcome::ACQUIRED;
        let piece = pending.stack.role.is_piece(acquired);
        if event.wait_ns < self.min_wait_ns || !(acquired || piece) {
            self.counts.used += 1;
            return;
        }
        let tid = pending.event.tid;
        if piece {
            let wait_ns = event.wait_ns;
            if !self.pending.keep_piece(tid, Piece { pending, wait_ns }) {
                let pieces = self.pending.take_pieces(tid);
                self.add_pieces(builder, pieces, None, None);
            }
            return;
        }
        let waker = event.holder.known();
        let holder = self.holder(&pending, event);
        let released = pending.released.as_ref().filter(|_| holder == waker);
        let pieces = self.pending.take_pieces(tid);
        if pending.stack.role.is_of_process() {
            self.add_pieces(builder, pieces, holder, released);
        } else {
            self.add_pieces(builder, pieces, None, None);
        }
        let wait = Wait::of_user(
            &pending,
            (event.wait_ns, event.call_ns),
            false,
            holder,
            released,
        );
        self.add(builder, &wait, None);
    }

    /// Who had the lock during a wait that has ended: whoever had it when the wait began, if its
    /// memory names that thread; else of those between whom it was handed over, one; else who
    /// released it.
    fn holder(&mut self, pending: &Pending, end: &Event) -> Option<ThreadRef> {
        let owner = owner_in_memory(pending, &self.threads);
        let waker = end.holder.known();
        let (None, Some(from), Some(lock)) = (owner, waker, pending.handed_over()) else {
            return owner.or(waker);
        };
        let since_ns = end.start_ns.saturating_add(end.wait_ns);
        let woken_ns = pending.woken_ns.unwrap_or(since_ns);
        let shares = self.handovers.shares(lock, (end.start_ns, woken_ns), from);
        let turn = Turn {
            lock,
            since_ns,
            woken_ns,
            from,
        };
        self.handovers.note(pending.event.tid, turn);
        let weight = Estimate::of(0, pending.event.shift).count as f64;
        self.handovers.choose(lock, &shares, weight)
    }

    /// Adds pieces of waits to the snapshot, with the holder, if it is known.
    fn add_pieces(
        &mut self,
        builder: &mut SnapshotBuilder,
        pieces: Vec<Piece>,
        holder: Option<ThreadRef>,
        released: Option<&UserStack>,
    ) {
        for Piece { pending, wait_ns } in pieces {
            let wait = Wait::of_user(&pending, (wait_ns, wait_ns), true, holder, released);
            self.add(builder, &wait, None);
        }
    }

    /// Adds the pieces of waits that are not over: an interval ends.
    pub(crate) fn add_all_pieces(&mut self, builder: &mut SnapshotBuilder) {
        let pieces = self.pending.take_all_pieces();
        self.add_pieces(builder, pieces, None, None);
    }

    /// Adds a wait to the snapshot.
    fn add(&mut self, builder: &mut SnapshotBuilder, wait: &Wait<'_>, released: Option<Release>) {
        let event = wait.event;
        self.counts.used += 1;
        let estimate = if wait.piece {
            Estimate::piece(wait.wait_ns, event.shift)
        } else if wait.call_ns > wait.wait_ns {
            Estimate::again(wait.wait_ns, wait.call_ns, event.shift)
        } else {
            Estimate::of(wait.wait_ns, event.shift)
        };
        let key = lock_key(event);
        let lock = self.lock_id(builder, key);
        let lost = wait.kernel.is_none() && !key.is_user();
        let stack = intern(builder, wait.kernel.as_deref(), wait.user, lost);
        let thread = self.threads.thread_id(builder, event.tgid, event.tid);
        let holder = wait.holder.map(|holder| Holder {
            thread: self.thread_id(builder, holder),
            stack: match (&released, wait.released) {
                (Some(Release { kernel, user, .. }), _) => {
                    Some(intern(builder, Some(kernel), user.as_ref(), false))
                }
                (None, Some(user)) => Some(intern(builder, None, Some(user), false)),
                (None, None) => None,
            },
        });
        builder.add_site(lock, stack, thread, holder, &estimate);
        let longest = &mut builder.snapshot_mut().longest;
        longest.push(SampledWait {
            lock,
            stack,
            thread,
            holder,
            start_ns: event.start_ns,
            wait_ns: wait.wait_ns,
        });
        if longest.len() >= 2 * LONGEST {
            keep_longest(longest);
        }
        let ended = Ended {
            thread: ThreadRef::new(event.tgid, event.tid),
            lock: key,
            start_ns: event.start_ns,
            end_ns: event.start_ns.saturating_add(wait.wait_ns),
            holder: wait.holder,
        };
        if let Some(chain) = self.recent.chain(&ended) {
            self.add_chain(builder, chain, event.shift);
        }
        self.recent.remember(ended);
    }

    fn add_chain(&mut self, builder: &mut SnapshotBuilder, chain: Chain, shift: u32) {
        let links = chain
            .links
            .into_iter()
            .map(|(thread, lock)| ChainLink {
                thread: self.thread_id(builder, thread),
                lock: self.lock_id(builder, lock),
            })
            .collect();
        let end = chain.end.map(|thread| self.thread_id(builder, thread));
        builder.add_chain(links, end, &Estimate::of(chain.wait_ns, shift));
    }

    fn thread_id(&mut self, builder: &mut SnapshotBuilder, thread: ThreadRef) -> ThreadId {
        self.threads.thread_id(builder, thread.tgid(), thread.tid())
    }

    /// The id of a lock in a snapshot, to which it is added, with all that is known of it.
    pub(crate) fn lock_id(&mut self, builder: &mut SnapshotBuilder, key: LockKey) -> LockId {
        self.locks
            .id(key, builder, &mut self.symbols, &mut self.threads)
    }

    /// Where a sampled wait that has not ended waits.
    pub(crate) fn open_stack(&self, sample: u64, address: u64) -> Option<UserStack> {
        Some(self.pending.get(sample, address)?.stack.clone())
    }

    /// The same for a kernel lock, whose stack was taken at the begin.
    pub(crate) fn open_kernel_stack(
        &mut self,
        builder: &mut SnapshotBuilder,
        hash: u64,
    ) -> Option<StackId> {
        let stack = self.kernel_stacks.get(hash, &mut self.symbols)?;
        Some(intern(builder, Some(&stack), None, false))
    }
}
