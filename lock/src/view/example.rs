//! A small recording that has one of everything, for tests: a server with two threads that
//! wait for a Rust mutex, for `mmap_lock` and for work, and a program whose names are meant
//! to break formats.

use crate::profile::{
    lock_type::{Class, LockType},
    snapshot::{
        About, Estimate, Frame, FrameId, Holder, Identity, Interval, LockId, Process, Snapshot,
        Stack, StackId, ThreadId,
    },
    tables::Tables,
};

/// A semicolon, a line break, quotes, markup and a character that XML does not have.
pub(crate) const HOSTILE: &str = "a;b\n\"<&>\u{1}\\";

/// The recording.
pub(crate) fn snapshot() -> Snapshot {
    let mut tables = Tables::default();
    let server = tables.process(&Process {
        pid: 100,
        comm: "server".to_owned(),
        cgroup: "/system.slice/server.service".to_owned(),
    });
    let main = tables.thread(100, "server", server);
    let worker = tables.thread(101, "worker 1", server);

    let user = server_frames(&mut tables);
    let futex = frame(&mut tables, kernel("futex_wait_queue", 0x40));
    let fault = frame(&mut tables, kernel("do_user_addr_fault", 0x900));
    let write = tables.stack(Stack {
        user: user.clone(),
        user_locking: 1,
        ..Stack::default()
    });
    let release = tables.stack(Stack {
        user: user.iter().skip(2).copied().collect(),
        ..Stack::default()
    });
    let page_fault = tables.stack(Stack {
        kernel: vec![fault],
        user: user.iter().skip(2).copied().collect(),
        cut: true,
        ..Stack::default()
    });
    let idle = tables.stack(Stack {
        kernel: vec![futex],
        ..Stack::default()
    });

    let mutex = tables.lock(
        Identity::Private {
            process: server,
            address: 0x7f00_0000_1040,
        },
        LockType::User(Class::Mutex),
        "FUTEX_WAIT_BITSET, 2",
        None,
    );
    let mmap_lock = tables.lock(
        Identity::Kernel {
            address: 0xffff_8881_0000_1000,
        },
        LockType::Kernel(lock_common::flag::READ),
        "",
        Some("mmap_lock"),
    );
    let condvar = tables.lock(
        Identity::Private {
            process: server,
            address: 0x7f00_0000_2000,
        },
        LockType::User(Class::Condvar),
        "FUTEX_WAIT_BITSET, 0",
        None,
    );
    let held = |thread, stack| Some(Holder { thread, stack });
    for (lock, stack, thread, holder, wait_ns, shift) in [
        (
            mutex,
            write,
            worker,
            held(main, Some(release)),
            1_000_000,
            2,
        ),
        (mutex, write, worker, held(main, Some(release)), 500_000, 0),
        (mutex, write, main, held(worker, None), 250_000, 0),
        (mmap_lock, page_fault, worker, None, 40_000, 3),
        (condvar, idle, worker, None, 9_000_000_000, 0),
    ] {
        let waits = Estimate::of(wait_ns, shift);
        tables.add_site(lock, stack, thread, holder, &waits);
        let end = 10_000_000 * (1 + tables.snapshot().longest.len() as u64);
        tables.snapshot_mut().longest.push(Interval {
            lock,
            stack,
            thread,
            holder,
            start_ns: 5_000_000_000 + end.saturating_sub(wait_ns),
            wait_ns,
        });
    }
    add_hostile(&mut tables);
    Snapshot {
        started_unix_ms: 1_700_000_000_000,
        started_ns: 5_000_000_000,
        duration_ns: 10_000_000_000,
        about: About {
            lock_version: "0.1.0".to_owned(),
            kernel: "6.12.0".to_owned(),
            cpus: 2,
            ..About::default()
        },
        ..tables.finish()
    }
}

/// A recording whose ids lead nowhere and whose numbers are as large as can be.
pub(crate) fn forged() -> Snapshot {
    let mut snapshot = snapshot();
    let nowhere = u32::MAX;
    for sites in [0, 1, 2] {
        let mut site = snapshot.sites[sites].clone();
        let mut interval = snapshot.longest[sites].clone();
        site.waits.wait_ns = u64::MAX;
        site.waits.count = u64::MAX;
        interval.start_ns = u64::MAX;
        interval.wait_ns = u64::MAX;
        match sites {
            0 => site.lock = LockId(nowhere),
            1 => site.stack = StackId(nowhere),
            _ => site.thread = ThreadId(nowhere),
        }
        site.holder = Some(Holder {
            thread: ThreadId(nowhere),
            stack: Some(StackId(nowhere)),
        });
        (interval.lock, interval.stack) = (site.lock, site.stack);
        (interval.thread, interval.holder) = (site.thread, site.holder);
        snapshot.sites.push(site);
        snapshot.longest.push(interval);
    }
    for stack in &mut snapshot.stacks {
        stack.user.push(FrameId(nowhere));
        stack.kernel.push(FrameId(nowhere));
        stack.user_locking = nowhere;
    }
    for frame in &mut snapshot.frames {
        frame.inlined = true;
        frame.address = u64::MAX;
    }
    snapshot.started_unix_ms = u64::MAX;
    snapshot.duration_ns = u64::MAX;
    snapshot
}

/// Names from outside: a program chooses its own.
fn add_hostile(tables: &mut Tables) {
    let process = tables.process(&Process {
        pid: 200,
        comm: format!("# {HOSTILE}"),
        cgroup: String::new(),
    });
    let thread = tables.thread(200, HOSTILE, process);
    let frame = frame(
        tables,
        Frame {
            function: Some(HOSTILE.to_owned()),
            module: HOSTILE.to_owned(),
            file: Some(HOSTILE.to_owned()),
            ..Frame::default()
        },
    );
    let stack = tables.stack(Stack {
        user: vec![frame],
        ..Stack::default()
    });
    let lock = tables.lock(
        Identity::Shared {
            object: "/dev/shm/pool 7".to_owned(),
        },
        LockType::User(Class::Unknown),
        "",
        None,
    );
    tables.add_site(lock, stack, thread, None, &Estimate::of(1_000, 0));
}

/// The program's frames, the innermost first: one of glibc without a name, then a function
/// with another inlined, then `main`.
fn server_frames(tables: &mut Tables) -> Vec<FrameId> {
    let server = |function: &str, address, line, inlined| Frame {
        address,
        function: Some(function.to_owned()),
        module: "server".to_owned(),
        file: Some("src/main.rs".to_owned()),
        line: Some(line),
        inlined,
    };
    [
        Frame {
            address: 0x9d3f,
            module: "libc.so.6".to_owned(),
            ..Frame::default()
        },
        server("server::Queue::lock", 0x1200, 12, true),
        server("server::serve::<[u8; 8]>", 0x1200, 40, false),
        server("server::main", 0x1100, 90, false),
    ]
    .into_iter()
    .map(|new| frame(tables, new))
    .collect()
}

fn kernel(function: &str, offset: u64) -> Frame {
    Frame {
        address: 0xffff_ffff_8100_0000 + offset,
        function: Some(function.to_owned()),
        module: "[kernel]".to_owned(),
        ..Frame::default()
    }
}

fn frame(tables: &mut Tables, frame: Frame) -> FrameId {
    tables.frame(&frame)
}
