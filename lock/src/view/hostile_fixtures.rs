//! Recordings that are meant to break formats, for tests.

use crate::profile::{
    fixtures,
    futex_role::FutexRole,
    lock_type::{Class, LockType},
    snapshot::{
        Estimate, Frame, FrameId, Holder, Identity, Lock, LockId, Process, ProcessId, Site,
        Snapshot, Stack, StackId, Thread, ThreadId, Waits,
    },
};

/// A semicolon, a line break, quotes, markup and a character that XML does not have.
const NAME: &str = "a;b\n\"<&>\u{1}\\";

const NOWHERE: u32 = u32::MAX;

/// A recording with a program that chose its own names.
pub(crate) fn hostile() -> Snapshot {
    let mut snapshot = fixtures::snapshot();
    let next = |len: usize| u32::try_from(len).unwrap();
    let process = ProcessId(next(snapshot.processes.len()));
    snapshot.processes.push(Process {
        pid: 200,
        comm: format!("# {NAME}"),
        cgroup: String::new(),
    });
    let thread = ThreadId(next(snapshot.threads.len()));
    snapshot.threads.push(Thread {
        tid: 200,
        comm: NAME.to_owned(),
        process,
    });
    let frame = FrameId(next(snapshot.frames.len()));
    snapshot.frames.push(Frame {
        function: Some(NAME.to_owned()),
        module: NAME.to_owned(),
        file: Some(NAME.to_owned()),
        ..Frame::default()
    });
    snapshot.frames.push(Frame {
        function: Some(" ".to_owned()),
        ..Frame::default()
    });
    let stack = StackId(next(snapshot.stacks.len()));
    snapshot.stacks.push(Stack {
        user: vec![frame, FrameId(frame.0 + 1)],
        ..Stack::default()
    });
    let lock = LockId(next(snapshot.locks.len()));
    snapshot.locks.push(Lock {
        identity: Identity::Shared {
            object: "/dev/shm/pool 7".to_owned(),
        },
        lock_type: LockType::User(Class::Unknown),
        operation: NAME.to_owned(),
        name: None,
        role: FutexRole::Own,
        waits: Waits::default(),
    });
    snapshot.sites.push(Site {
        lock,
        stack,
        thread,
        holder: None,
        waits: Estimate::of(1_000_000_000, 0),
    });
    snapshot
}

/// A recording whose ids lead nowhere and whose numbers are as large as can be.
pub(crate) fn forged() -> Snapshot {
    let mut snapshot = hostile();
    let mut interval = snapshot.longest[0].clone();
    let mut site = snapshot.sites[0].clone();
    site.waits.wait_ns = u64::MAX;
    site.waits.count = u64::MAX;
    interval.start_ns = u64::MAX;
    interval.wait_ns = u64::MAX;
    let holder = Some(Holder {
        thread: ThreadId(NOWHERE),
        stack: Some(StackId(NOWHERE)),
    });
    for (lock, stack, thread) in [
        (LockId(NOWHERE), site.stack, site.thread),
        (site.lock, StackId(NOWHERE), site.thread),
        (site.lock, site.stack, ThreadId(NOWHERE)),
    ] {
        (site.lock, site.stack, site.thread, site.holder) = (lock, stack, thread, holder);
        snapshot.sites.push(site.clone());
        (interval.lock, interval.stack) = (lock, stack);
        (interval.thread, interval.holder) = (thread, holder);
        snapshot.longest.push(interval.clone());
    }
    for stack in &mut snapshot.stacks {
        stack.user.push(FrameId(NOWHERE));
        stack.kernel.push(FrameId(NOWHERE));
        stack.user_locking = NOWHERE;
    }
    for frame in &mut snapshot.frames {
        frame.inlined = true;
        frame.address = u64::MAX;
    }
    for thread in &mut snapshot.threads {
        thread.process = ProcessId(NOWHERE);
    }
    snapshot.started_unix_ms = u64::MAX;
    snapshot.duration_ns = u64::MAX;
    snapshot
}
