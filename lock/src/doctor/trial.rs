//! Whether a recording works: the programs are loaded, and attached for some milliseconds, in
//! which `lock` waits itself and has to find its own waits.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::{
    doctor::Item,
    error::{Error, Result},
    probe::{
        load::{self, Loaded},
        memory, object,
        plan::{Filters, Limits, Plan, UserStacks},
        requirements::{self, Kernel},
    },
    profile::snapshot::{Identity, Scope, Snapshot},
    source::live::Live,
    thread,
};

/// What is waited for, once each.
static FUTEXES: [AtomicU32; 3] = [const { AtomicU32::new(0) }; 3];

/// How long each lasts at least, if its thread gets to wait at all.
const WAIT: Duration = Duration::from_millis(5);

/// After how long a thread no longer waits for the one that is to wake it.
static TIMEOUT: libc::timespec = libc::timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// What came of it, and how much memory the kernel says that the maps take.
pub(super) fn items(kernel: &Result<Kernel>, limits: Limits) -> (Vec<Item>, Option<u64>) {
    let object = match object::embedded() {
        Ok(object) => object,
        Err(error) => return (vec![Item::of_error("object", &error)], None),
    };
    let mut items = vec![Item::ok("object", "the eBPF object is embedded")];
    let Ok(kernel) = kernel else {
        return (items, None); // An item of its own.
    };
    let plan = plan(limits);
    let before = memory::reported_by_kernel();
    let loaded = load::load(object, kernel, &plan);
    let reported = memory::reported_by_kernel()
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before))
        .filter(|&bytes| loaded.is_ok() && bytes > 0);
    match loaded {
        Ok(loaded) => {
            items.push(Item::ok(
                "programs-load",
                format!("all {} programs load", loaded.count()),
            ));
            items.push(
                trial(loaded, kernel, &plan)
                    .unwrap_or_else(|error| Item::of_error("trial", &error)),
            );
        }
        Err(error) => items.push(Item::of_error("programs-load", &error)),
    }
    (items, reported)
}

/// A recording of this process, which needs all programs. In a pid namespace its number is
/// another one for the kernel; `lock` leaves out itself by this number as well, so that the
/// whole system has it there.
fn plan(limits: Limits) -> Plan {
    let scope = if requirements::in_initial_pid_namespace() {
        Scope::Process {
            pid: std::process::id(),
        }
    } else {
        Scope::System
    };
    Plan {
        scope,
        filters: Filters {
            addresses: addresses(),
            ..Filters::default()
        },
        exact: false,
        user_stacks: UserStacks::Auto,
        stack_bytes: 8 << 10,
        limits,
    }
}

/// Records while this thread waits for each futex.
fn trial(loaded: Loaded, kernel: &Kernel, plan: &Plan) -> Result<Item> {
    let live = Live::begin(loaded, kernel, plan)?;
    let waited = FUTEXES
        .iter()
        .map(wait_once)
        .collect::<Result<Vec<bool>>>()?
        .into_iter()
        .filter(|&waited| waited)
        .count() as u64;
    let found = count(&live.finish()?);
    Ok(if waited == 0 {
        // Who is to wake it ran first each time, on a machine with one busy CPU.
        Item::limited(
            "trial",
            "no trial recording: the CPUs were so busy that the test thread never had to wait",
            "run `lock doctor` again",
        )
    } else if found == waited {
        Item::ok(
            "trial",
            format!("a trial recording contains {found} of {waited} waits"),
        )
    } else {
        Item::failed(
            "trial",
            format!(
                "a trial recording contains {found} of {waited} waits: reports are wrong on \
                 this machine"
            ),
            "report this as a bug, with the output of `uname -a`",
        )
    })
}

/// Waits for a futex until another thread wakes this one. Returns whether it slept: not if the
/// other thread was first.
fn wait_once(futex: &'static AtomicU32) -> Result<bool> {
    thread::start("waker", move || {
        std::thread::sleep(WAIT);
        futex.store(1, Ordering::SeqCst);
        // SAFETY: FUTEX_WAKE reads no memory.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                futex.as_ptr(),
                libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                1,
            )
        };
    })?;
    // SAFETY: the futex and the timeout outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_futex,
            futex.as_ptr(),
            libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
            0,
            &raw const TIMEOUT,
        )
    };
    Ok(result == 0)
}

/// How many waits for these futexes a recording has.
fn count(snapshot: &Snapshot) -> u64 {
    let addresses = addresses();
    snapshot
        .locks
        .iter()
        .filter(|lock| match lock.identity {
            Identity::Private { address, .. } => addresses.contains(&address),
            _ => false,
        })
        .map(|lock| lock.waits.count.saturating_add(lock.waits.failed()))
        .sum()
}

/// Where the futexes are.
fn addresses() -> Vec<u64> {
    FUTEXES.iter().map(|futex| futex.as_ptr() as u64).collect()
}

impl Item {
    /// Nothing can be recorded for this reason.
    pub(super) fn of_error(code: &'static str, error: &Error) -> Self {
        let mut message = error.to_string();
        if let Some(cause) = error.cause() {
            message = format!("{message}: {cause}");
        }
        let fix = error.fix_text().unwrap_or("run `lock record` for details");
        Self::failed(code, message, fix)
    }
}
