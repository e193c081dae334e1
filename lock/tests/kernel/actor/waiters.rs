//! Two threads, each of which waits a number of times that it knows for a futex of its own:
//! one for filters to let in, one to keep out.

use std::{
    hint::black_box,
    io, ptr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::{Value, json};

use super::{await_begin, command, tell};

/// How often each thread is made to wait.
const ROUNDS: u32 = 12;

/// A thread's name, its futex, the CPU that it is bound to, and how long it is made to wait.
struct Role {
    name: &'static str,
    futex: AtomicU32,
    cpu: usize,
    hold: Duration,
    wait: fn(&AtomicU32, u32) -> bool,
}

static LET_IN: Role = Role {
    name: "let-in",
    futex: AtomicU32::new(0),
    cpu: 0,
    hold: Duration::from_millis(40),
    wait: wait_let_in,
};

static KEPT_OUT: Role = Role {
    name: "kept-out",
    futex: AtomicU32::new(0),
    cpu: 1,
    hold: Duration::from_millis(4),
    wait: wait_kept_out,
};

/// Tells of its threads, waits for the sign, and lets them wait.
pub(super) fn act() -> io::Result<()> {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    let threads = [&LET_IN, &KEPT_OUT].map(|role| start(role, &BEGUN));
    let plan: Vec<Value> = threads.iter().map(|thread| thread.plan.clone()).collect();
    tell(&json!({ "pid": std::process::id(), "threads": plan }))?;
    await_begin()?;
    BEGUN.store(true, Ordering::Release);
    finish(threads)
}

/// The same, but there are no threads before the sign, and then a child process, too, which
/// tells a line of its own.
pub(super) fn act_late() -> io::Result<()> {
    tell(&json!({ "pid": std::process::id() }))?;
    await_begin()?;
    act_at_once()?;
    let status = command("waiters-at-once")?.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("the child ended with {status}")))
    }
}

/// The same without a sign.
pub(super) fn act_at_once() -> io::Result<()> {
    static BEGUN: AtomicBool = AtomicBool::new(true);
    finish([&LET_IN, &KEPT_OUT].map(|role| start(role, &BEGUN)))
}

struct Started {
    plan: Value,
    thread: JoinHandle<(u64, u64)>,
}

fn start(role: &'static Role, begun: &'static AtomicBool) -> Started {
    let tid = Arc::new(OnceLock::new());
    let of_thread = Arc::clone(&tid);
    let thread = thread::Builder::new()
        .name(role.name.to_owned())
        .spawn(move || {
            bind(role.cpu);
            // SAFETY: has no preconditions.
            let _ = of_thread.set(unsafe { libc::gettid() });
            while !begun.load(Ordering::Acquire) {
                thread::sleep(Duration::from_millis(1));
            }
            wait_in_rounds(role)
        })
        .expect("a thread");
    let tid = loop {
        match tid.get() {
            Some(tid) => break *tid,
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    let address = ptr::from_ref(&role.futex) as usize;
    Started {
        plan: json!({
            "name": role.name,
            "tid": tid,
            "address": format!("{address:#x}"),
            "cpu": role.cpu,
        }),
        thread,
    }
}

fn finish(threads: [Started; 2]) -> io::Result<()> {
    let mut told = Vec::new();
    for Started { mut plan, thread } in threads {
        let (waits, longest_ns) = thread.join().expect("no panic");
        plan["waits"] = waits.into();
        plan["longest_ns"] = longest_ns.into();
        told.push(plan);
    }
    tell(&json!({ "pid": std::process::id(), "threads": told }))
}

/// How often the current thread waited, and how long at the most.
fn wait_in_rounds(role: &'static Role) -> (u64, u64) {
    let releaser = thread::spawn(move || {
        for round in 1..=ROUNDS {
            thread::sleep(role.hold);
            role.futex.store(round, Ordering::Release);
            wake(&role.futex);
        }
    });
    let (mut waits, mut longest_ns) = (0, 0);
    for round in 0..ROUNDS {
        while role.futex.load(Ordering::Acquire) <= round {
            let before = voluntary_switches();
            let began = std::time::Instant::now();
            let woken = (role.wait)(&role.futex, round);
            longest_ns = longest_ns.max(began.elapsed().as_nanos() as u64);
            // It was woken from the one sleep that a call has, unless that was before it slept.
            // It may have slept for another reason, too: a page that was not there yet.
            if woken && voluntary_switches() > before {
                waits += 1;
            }
        }
    }
    releaser.join().expect("no panic");
    (waits, longest_ns)
}

#[inline(never)] // Reports are filtered by its name.
fn wait_let_in(futex: &AtomicU32, value: u32) -> bool {
    let woken = wait(futex, value);
    black_box(1);
    woken
}

#[inline(never)] // As above. Another constant, so that the two are not merged to one.
fn wait_kept_out(futex: &AtomicU32, value: u32) -> bool {
    let woken = wait(futex, value);
    black_box(2);
    woken
}

/// Waits unless the futex has another value. Whether somebody woke the thread.
fn wait(futex: &AtomicU32, value: u32) -> bool {
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: a live word; no timeout.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            futex.as_ptr(),
            operation,
            value,
            ptr::null::<libc::timespec>(),
        )
    };
    result == 0
}

fn wake(futex: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: a live word.
    unsafe { libc::syscall(libc::SYS_futex, futex.as_ptr(), operation, 1) };
}

/// How often the current thread gave up its CPU of its own accord.
pub(super) fn voluntary_switches() -> u64 {
    // SAFETY: rusage is plain data, for which zero is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: writes one rusage.
    unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    usage.ru_nvcsw as u64
}

/// Binds the current thread to a CPU, if there is one of this number.
fn bind(cpu: usize) {
    // SAFETY: cpu_set_t is plain data, for which zero is a value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the number is within the set.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: reads one set.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}
