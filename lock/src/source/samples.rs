//! Sampled events, as sites, chains and intervals of a snapshot.
//!
//! Everything is named as soon as it is seen: a moment later the process may be gone.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    rc::Rc,
};

use lock_common::{Event, Outcome, ThreadRef, WaitKind, event, hint};

use crate::{
    profile::{
        lock_type::{Class, LockType},
        snapshot::{
            ChainLink, Estimate, Holder, Identity, Interval, LockId, Samples as SampleCounts,
            Stack, StackId, Waits,
        },
        tables::{Tables, keep_longest},
        word::Word,
    },
    source::{
        stacks::{KernelStacks, NamedStack},
        threads::Threads,
        totals::{self, LockKey},
    },
    symbol::{
        Registers, Symbols, UserStack,
        class::{self, Call, Operation},
        process_info,
    },
};

/// How many sampled waits for user locks may be open. More, and the ends of some were lost.
const PENDING: usize = 65536;
/// How many waits of a thread are remembered, to tell what it waited for while others waited
/// for it, and of how many threads.
const RECENT: usize = 16;
const RECENT_THREADS: usize = 65536;
/// How many pieces of a wait are kept until it is over.
const PIECES: usize = 1024;
/// How many locks are remembered.
const REMEMBERED: usize = 262_144;
/// The longest chain that is followed.
const CHAIN: usize = 6;

/// What was learnt of a lock.
#[derive(Debug, Clone, Default)]
struct Learnt {
    name: Option<String>,
    class: Option<Class>,
    word: Word,
    /// For a futex that processes share: what memory, and where in it. None within if that
    /// could not be told.
    shared: Option<Option<String>>,
}

/// A wait for a user lock that has begun.
#[derive(Debug)]
struct Pending {
    event: Event,
    stack: UserStack,
    /// Where it was released.
    released: Option<UserStack>,
}

/// A wait that has ended.
#[derive(Debug, Clone)]
struct Recent {
    start_ns: u64,
    end_ns: u64,
    lock: LockKey,
    /// The thread that had the lock.
    holder: Option<ThreadRef>,
}

/// A sampled wait, whole.
struct Wait<'a> {
    event: &'a Event,
    wait_ns: u64,
    /// Whether it is a piece of a wait only.
    piece: bool,
    kernel: Option<Rc<NamedStack>>,
    user: Option<&'a UserStack>,
    holder: Option<ThreadRef>,
    released: Option<&'a UserStack>,
}

impl Pending {
    /// The wait, or a piece of one, now that it has ended.
    fn wait<'a>(
        &'a self,
        wait_ns: u64,
        piece: bool,
        holder: Option<ThreadRef>,
        released: Option<&'a UserStack>,
    ) -> Wait<'a> {
        Wait {
            event: &self.event,
            wait_ns,
            piece,
            kernel: None,
            user: Some(&self.stack),
            holder,
            released,
        }
    }
}

/// All that is known of samples.
pub(crate) struct Samples {
    pub(crate) symbols: Symbols,
    kernel_stacks: KernelStacks,
    pub(crate) threads: Threads,
    locks: HashMap<LockKey, Learnt>,
    /// Number of the sample and the lock -> the wait.
    pending: HashMap<(u64, u64), Pending>,
    /// Thread -> the pieces of its wait so far, and how long each lasted: who had the lock is
    /// known when the wait is over.
    pieces: HashMap<u32, Vec<(Pending, u64)>>,
    recent: HashMap<u32, VecDeque<Recent>>,
    /// Lock -> who was seen to release it, and where.
    releases: HashMap<u64, (u32, Rc<NamedStack>, Option<UserStack>)>,
    /// Waits that ended unseen, which the kernel's totals lack.
    unseen: Vec<(LockKey, Waits)>,
    min_wait_ns: u64,
    counts: SampleCounts,
}

impl Samples {
    /// Nothing seen so far.
    pub(crate) fn new(kernel_stacks: KernelStacks, min_wait_ns: u64) -> Self {
        Self {
            symbols: Symbols::new(),
            kernel_stacks,
            threads: Threads::default(),
            locks: HashMap::new(),
            pending: HashMap::new(),
            pieces: HashMap::new(),
            recent: HashMap::new(),
            releases: HashMap::new(),
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
    pub(crate) fn take(&mut self, tables: &mut Tables, event: &Event, bytes: &[u8]) {
        match event.event {
            event::KERNEL => self.take_kernel(tables, event, bytes),
            event::BLOCK => self.take_block(event, bytes),
            event::WAKE => {
                self.threads.note(event.tgid, event.tid, &event.comm);
                let stack = self.user_stack(event, bytes, None);
                let Some(pending) = self.pending.get_mut(&(event.sample, event.lock)) else {
                    return;
                };
                let joins = stack.as_ref().is_some_and(|stack| {
                    class::ends_python_thread(pending.stack.name, &stack.frames)
                });
                pending.released = stack;
                if joins {
                    let key = lock_key(&pending.event);
                    self.learn(key, |learnt| learnt.class = Some(Class::Join));
                }
            }
            event::RESUME => self.take_resume(tables, event),
            event::UNSEEN => {
                if event.sample != 0 {
                    self.take_resume(tables, event);
                }
                self.unseen.push((lock_key(event), totals::of_one(event)));
            }
            event::RELEASE => {
                self.threads.note(event.tgid, event.tid, &event.comm);
                let user = self.user_stack(event, bytes, None);
                if let Some(stack) = self.kernel_stacks.get(event.stack, &mut self.symbols) {
                    if self.releases.len() >= REMEMBERED {
                        self.releases.clear();
                    }
                    self.releases.insert(event.lock, (event.tid, stack, user));
                }
            }
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

    fn take_kernel(&mut self, tables: &mut Tables, event: &Event, bytes: &[u8]) {
        self.threads.note(event.tgid, event.tid, &event.comm);
        let kernel = self.kernel_stacks.get(event.stack, &mut self.symbols);
        let user = self.user_stack(event, bytes, None);
        let name = match event.hint {
            hint::MMAP_LOCK => Some("mmap_lock"),
            _ => kernel.as_ref().and_then(|stack| stack.lock_name),
        };
        if let Some(name) = name {
            self.learn(lock_key(event), |learnt| {
                learnt.name.get_or_insert_with(|| name.to_owned());
            });
        }
        let released = self
            .releases
            .get(&event.lock)
            .filter(|(tid, ..)| *tid == event.holder.tid())
            .map(|(_, stack, user)| (Rc::clone(stack), user.clone()));
        let wait = Wait {
            event,
            wait_ns: event.wait_ns,
            piece: false,
            kernel,
            user: user.as_ref(),
            holder: event.holder.known(),
            released: None,
        };
        self.add(tables, &wait, released);
    }

    fn take_block(&mut self, event: &Event, bytes: &[u8]) {
        self.threads.note(event.tgid, event.tid, &event.comm);
        let operation = operation(event.kind);
        let Some(stack) = self.user_stack(event, bytes, Some(operation)) else {
            return;
        };
        let (class, name, word) = (stack.class, stack.name, stack.word);
        self.learn(lock_key(event), |learnt| {
            if class != Class::Unknown {
                learnt.class = Some(class);
                learnt.word = word;
            }
            if let Some(name) = name {
                learnt.name = Some(name.to_owned());
            }
        });
        if self.pending.len() >= PENDING {
            self.pending.clear();
        }
        let pending = Pending {
            event: *event,
            stack,
            released: None,
        };
        self.pending.insert((event.sample, event.lock), pending);
    }

    fn take_resume(&mut self, tables: &mut Tables, event: &Event) {
        let Some(pending) = self.pending.remove(&(event.sample, event.lock)) else {
            return;
        };
        let acquired = event.outcome == Outcome::ACQUIRED;
        let piece = pending.stack.word.is_piece(acquired);
        if event.wait_ns < self.min_wait_ns || !(acquired || piece) {
            self.counts.used += 1;
            return;
        }
        let tid = pending.event.tid;
        if piece {
            let pieces = self.pieces.entry(tid).or_default();
            pieces.push((pending, event.wait_ns));
            if pieces.len() >= PIECES {
                self.add_pieces(tables, tid, None, None);
            }
            return;
        }
        // Whoever had the lock when the wait began; else who released it at its end, who may
        // have waited for it as well.
        let waker = event.holder.known();
        let holder = owner_in_memory(&pending).or(waker);
        let released = pending.released.as_ref().filter(|_| holder == waker);
        if pending.stack.word.is_of_process() {
            self.add_pieces(tables, tid, holder, released);
        } else {
            self.add_pieces(tables, tid, None, None);
        }
        let wait = pending.wait(event.wait_ns, false, holder, released);
        self.add(tables, &wait, None);
    }

    /// Adds the pieces of a thread's wait to the tables, with who had the lock, if that is known.
    fn add_pieces(
        &mut self,
        tables: &mut Tables,
        tid: u32,
        holder: Option<ThreadRef>,
        released: Option<&UserStack>,
    ) {
        for (pending, wait_ns) in self.pieces.remove(&tid).unwrap_or_default() {
            let wait = pending.wait(wait_ns, true, holder, released);
            self.add(tables, &wait, None);
        }
    }

    /// Adds the pieces of waits that are not over: an interval ends.
    pub(crate) fn add_all_pieces(&mut self, tables: &mut Tables) {
        let threads: Vec<u32> = self.pieces.keys().copied().collect();
        for tid in threads {
            self.add_pieces(tables, tid, None, None);
        }
    }

    fn learn(&mut self, key: LockKey, learn: impl FnOnce(&mut Learnt)) {
        if self.locks.len() >= REMEMBERED {
            self.locks.clear();
        }
        learn(self.locks.entry(key).or_default());
    }

    /// Adds a wait to the tables.
    fn add(
        &mut self,
        tables: &mut Tables,
        wait: &Wait<'_>,
        released: Option<(Rc<NamedStack>, Option<UserStack>)>,
    ) {
        let event = wait.event;
        self.counts.used += 1;
        let estimate = if wait.piece {
            Estimate::piece(wait.wait_ns, event.shift)
        } else {
            Estimate::of(wait.wait_ns, event.shift)
        };
        let key = lock_key(event);
        let lock = self.lock_id(tables, key);
        let lost = wait.kernel.is_none() && !key.is_user();
        let stack = intern(tables, wait.kernel.as_deref(), wait.user, lost);
        let thread = self.threads.thread_id(tables, event.tgid, event.tid);
        let holder = wait.holder.map(|holder| Holder {
            thread: self.threads.thread_id(tables, holder.tgid(), holder.tid()),
            stack: match (&released, wait.released) {
                (Some((kernel, user)), _) => {
                    Some(intern(tables, Some(kernel), user.as_ref(), false))
                }
                (None, Some(user)) => Some(intern(tables, None, Some(user), false)),
                (None, None) => None,
            },
        });
        tables.add_site(lock, stack, thread, holder, &estimate);
        let longest = &mut tables.snapshot_mut().longest;
        longest.push(Interval {
            lock,
            stack,
            thread,
            holder,
            start_ns: event.start_ns,
            wait_ns: wait.wait_ns,
        });
        if longest.len() >= 2 * crate::profile::tables::LONGEST {
            keep_longest(longest);
        }
        self.add_chain(tables, wait, key);
        self.remember(wait, key);
    }

    /// If who had the lock waited itself meanwhile: for what, and who had that. Not if it was
    /// for the same lock: that is a queue.
    fn add_chain(&mut self, tables: &mut Tables, wait: &Wait<'_>, key: LockKey) {
        let event = wait.event;
        let mut window = (event.start_ns, event.start_ns.saturating_add(wait.wait_ns));
        let mut waits = vec![(ThreadRef::new(event.tgid, event.tid), key)];
        let mut next = wait.holder;
        while let Some(thread) = next
            && waits.len() < CHAIN
            && waits.iter().all(|(member, _)| member.tid() != thread.tid())
        {
            let overlap = |recent: &&Recent| {
                let begin = recent.start_ns.max(window.0);
                recent.end_ns.min(window.1).saturating_sub(begin)
            };
            let Some(recent) = self
                .recent
                .get(&thread.tid())
                .and_then(|recent| {
                    let other = |recent: &&Recent| !waits.iter().any(|it| it.1 == recent.lock);
                    recent.iter().filter(other).max_by_key(overlap)
                })
                // What kept the holder for less than a tenth of the wait is not why.
                .filter(|recent| overlap(recent) > window.1.saturating_sub(window.0) / 10)
            else {
                break;
            };
            window = (recent.start_ns.max(window.0), recent.end_ns.min(window.1));
            waits.push((thread, recent.lock));
            next = recent.holder;
        }
        if waits.len() < 2 {
            return;
        }
        let links = waits
            .into_iter()
            .map(|(thread, lock)| ChainLink {
                thread: self.threads.thread_id(tables, thread.tgid(), thread.tid()),
                lock: self.lock_id(tables, lock),
            })
            .collect();
        let end = next.map(|it| self.threads.thread_id(tables, it.tgid(), it.tid()));
        let estimate = Estimate::of(window.1.saturating_sub(window.0), event.shift);
        tables.add_chain(links, end, &estimate);
    }

    fn remember(&mut self, wait: &Wait<'_>, lock: LockKey) {
        let event = wait.event;
        if self.recent.len() >= RECENT_THREADS {
            self.recent.clear();
        }
        let recent = self.recent.entry(event.tid).or_default();
        if recent.len() >= RECENT {
            recent.pop_front();
        }
        recent.push_back(Recent {
            start_ns: event.start_ns,
            end_ns: event.start_ns.saturating_add(wait.wait_ns),
            lock,
            holder: wait.holder,
        });
    }

    /// The place of a lock in a snapshot's tables, with all that is known of it.
    pub(crate) fn lock_id(&mut self, tables: &mut Tables, key: LockKey) -> LockId {
        if key.address == 0 {
            let lock_type = lock_type(key.kind, None);
            return tables.lock(Identity::Other, lock_type, "", None);
        }
        if !key.is_user() {
            let learnt = self.locks.get(&key).and_then(|it| it.name.clone());
            let name = learnt.or_else(|| self.symbols.kernel_data(key.address));
            return tables.lock(
                Identity::Kernel {
                    address: key.address,
                },
                LockType::Kernel(key.kind.lock_type()),
                "",
                name.as_deref(),
            );
        }
        let learnt = self.locks.entry(key).or_default();
        let shared = !key.kind.is_private();
        let object = if shared {
            learnt
                .shared
                .get_or_insert_with(|| process_info::shared_memory(key.tgid, key.address))
                .clone()
        } else {
            None
        };
        let (class, name, word) = (learnt.class, learnt.name.clone(), learnt.word);
        let identity = match object {
            Some(object) => Identity::Shared { object },
            None => Identity::Private {
                process: self.threads.process_id(tables, key.tgid),
                address: key.address,
            },
        };
        let id = tables.lock(
            identity,
            lock_type(key.kind, class),
            &operation(key.kind).to_string(),
            name.as_deref(),
        );
        tables.set_word(id, word);
        id
    }

    /// Where a sampled wait that has not ended waits.
    pub(crate) fn open_stack(
        &mut self,
        tables: &mut Tables,
        sample: u64,
        address: u64,
    ) -> Option<StackId> {
        let pending = self.pending.get(&(sample, address))?;
        Some(intern(tables, None, Some(&pending.stack), false))
    }

    /// The same for a kernel lock, whose stack was taken at the begin.
    pub(crate) fn open_kernel_stack(&mut self, tables: &mut Tables, hash: u64) -> Option<StackId> {
        let stack = self.kernel_stacks.get(hash, &mut self.symbols)?;
        Some(intern(tables, Some(&stack), None, false))
    }
}

fn lock_key(event: &Event) -> LockKey {
    LockKey {
        address: event.lock,
        tgid: if event.kind.is_user() { event.tgid } else { 0 },
        kind: event.kind,
    }
}

/// The owner that the lock's memory named when the wait began, if it is one: glibc's mutexes
/// and those with priority inheritance have the thread's number there.
fn owner_in_memory(pending: &Pending) -> Option<ThreadRef> {
    /// `FUTEX_TID_MASK` of the kernel's `include/uapi/linux/futex.h`.
    const TID: u32 = 0x3fff_ffff;
    let Pending { event, stack, .. } = pending;
    let is_glibc = stack.frames.iter().take(8).any(|frame| {
        frame
            .function
            .as_deref()
            .is_some_and(|name| name.contains("pthread_mutex"))
    });
    if stack.class != Class::PiMutex && !(stack.class == Class::Mutex && is_glibc) {
        return None;
    }
    let tid = event.word & TID;
    let thread = format!("/proc/{}/task/{tid}", event.tgid);
    (tid != 0 && tid != event.tid && Path::new(&thread).exists())
        .then(|| ThreadRef::new(event.tgid, tid))
}

fn lock_type(kind: WaitKind, class: Option<Class>) -> LockType {
    if kind.is_user() {
        LockType::User(class.unwrap_or_else(|| class::from_operation(operation(kind))))
    } else {
        LockType::Kernel(kind.lock_type())
    }
}

/// The futex operation, of whose value only the class is known.
fn operation(kind: WaitKind) -> Operation {
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
        value: kind.value().exact().unwrap_or(Operation::OTHER_VALUE),
    }
}

fn intern(
    tables: &mut Tables,
    kernel: Option<&NamedStack>,
    user: Option<&UserStack>,
    lost: bool,
) -> StackId {
    let kernel = kernel
        .into_iter()
        .flat_map(|stack| &stack.frames)
        .map(|frame| tables.frame(frame))
        .collect();
    let (frames, user_locking, cut) = match user {
        Some(user) => (
            user.frames
                .iter()
                .map(|frame| tables.frame(frame))
                .collect(),
            user.locking_frames,
            user.cut,
        ),
        None => (Vec::new(), 0, false),
    };
    tables.stack(Stack {
        kernel,
        user: frames,
        user_locking,
        cut,
        lost,
    })
}
