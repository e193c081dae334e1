//! Ctrl-C and its kin. The first signal ends the programs that we started; the work
//! then ends by itself with an error, so that everything temporary is cleaned up.
//! The second ends all at once.

use std::{
    collections::HashMap,
    fs, io,
    process::id,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ebpf_build::{Error, Result};
use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGKILL, SIGTERM},
    iterator::Signals,
    low_level::{emulate_default_handler, signal_name},
};

use crate::code::Code;

/// Code of the error that [`check`] gives.
pub(crate) const CODE: Code = Code::Interrupted;

/// How long we may live on after a signal with no program left to wait for. Long
/// for any cleaning up, short for a user who wants her prompt back.
const GRACE: Duration = Duration::from_secs(3);

/// The signal that came first; 0 before.
static RECEIVED: AtomicI32 = AtomicI32::new(0);

/// The signals that end this program.
const ENDING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Whether a process has sent one of them to this process. A terminal's come from the kernel, to all
/// processes in the foreground.
static SENT: AtomicBool = AtomicBool::new(false);

/// Watches for signals from now on.
///
/// # Errors
/// When the handlers cannot be installed.
pub(crate) fn watch() -> Result<()> {
    // Handlers run in this order: the origin is known when the thread wakes up.
    for signal in ENDING {
        note_origin(signal).map_err(|cause| not_installed(&cause))?;
    }
    let mut signals = Signals::new(ENDING).map_err(|cause| not_installed(&cause))?;
    adopt_orphans();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || signals.forever().for_each(received))
        .map_err(|cause| not_installed(&cause))?;
    Ok(())
}

fn note_origin(signal: i32) -> io::Result<()> {
    let note = |info: &libc::siginfo_t| {
        if info.si_code != libc::SI_KERNEL {
            SENT.store(true, Ordering::SeqCst);
        }
    };
    // SAFETY: the handler reads its argument and writes to an atomic, which is async-signal-safe.
    unsafe { signal_hook_registry::register_sigaction(signal, note) }.map(|_| ())
}

/// Takes no notice of signals from now on: whoever sends one sends it to the program that
/// we wait for as well, and that one's end is ours.
///
/// # Errors
/// When the handlers cannot be installed.
pub(crate) fn outlive() -> Result<()> {
    for signal in ENDING {
        // A handler, where it would do to ignore them: programs would inherit that.
        signal_hook::flag::register(signal, Arc::default())
            .map_err(|cause| not_installed(&cause))?;
    }
    Ok(())
}

/// As [`check`], at our end: after a signal, what is left of the programs that we started, and
/// could not follow it, ends with us.
///
/// # Errors
/// After a signal.
pub(crate) fn cleared() -> Result<()> {
    let outcome = check();
    if outcome.is_err() {
        send(SIGKILL, &descendants());
    }
    outcome
}

fn not_installed(cause: &io::Error) -> Error {
    Error::new(Code::Signals, "could not watch for Ctrl-C").because(cause.to_string())
}

/// Makes programs whose parent ends before them our children instead of init's: a
/// compiler whose cargo has gone would run on unseen.
fn adopt_orphans() {
    // Kernels before 3.4 reject it; then orphans stay init's.
    let _ = set_child_subreaper(Some(getpid()));
}

/// The way to stop early wherever work goes on after a program has ended.
///
/// # Errors
/// After a signal.
pub(crate) fn check() -> Result<()> {
    match RECEIVED.load(Ordering::SeqCst) {
        0 => Ok(()),
        signal => Err(Error::new(
            CODE,
            format!(
                "stopped by {}; run the same command again to continue",
                signal_name(signal).unwrap_or("a signal")
            ),
        )),
    }
}

fn received(signal: i32) {
    let first = RECEIVED
        .compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok();
    if !first {
        send(SIGKILL, &descendants());
        end(signal);
        return;
    }
    // A terminal has already sent it to all of them; a second one would end them hard.
    if SENT.load(Ordering::SeqCst) {
        send(signal, &descendants());
    }
    // Without a thread for it, a second signal has to wait for this.
    let end_later = move || {
        let mut idle_since = Instant::now();
        while idle_since.elapsed() < GRACE {
            thread::sleep(Duration::from_millis(100));
            if !descendants().is_empty() {
                idle_since = Instant::now();
            }
        }
        end(signal);
    };
    if thread::Builder::new().spawn(end_later).is_err() {
        end_later();
    }
}

/// Ends this process the way it would have without us.
fn end(signal: i32) {
    // It returns only for a signal that does not end a process: these all do.
    let _ = emulate_default_handler(signal);
}

fn send(signal: i32, processes: &[i32]) {
    let Some(signal) = Signal::from_named_raw(signal) else {
        return;
    };
    for process in processes.iter().filter_map(|&pid| Pid::from_raw(pid)) {
        // One that has ended meanwhile, or belongs to root, is not ours to end.
        let _ = kill_process(process, signal);
    }
}

/// Every process below this one, whoever started it: libraries start some, too.
fn descendants() -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    let stats = fs::read_dir("/proc").into_iter().flatten().flatten();
    for stat in stats.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok()) {
        if let Some((process, parent)) = parse_stat(&stat) {
            children.entry(parent).or_default().push(process);
        }
    }
    below(id().cast_signed(), &children)
}

fn below(root: i32, children: &HashMap<i32, Vec<i32>>) -> Vec<i32> {
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for &child in children.get(&parent).into_iter().flatten() {
            found.push(child);
            parents.push(child);
        }
    }
    found
}

/// Process and parent of a `/proc/PID/stat` line, see proc_pid_stat(5). Zombies are
/// left out: they have ended and only wait to be asked for their result.
fn parse_stat(stat: &str) -> Option<(i32, i32)> {
    let (process, rest) = stat.split_once(' ')?;
    // The name may hold blanks and parentheses.
    let (_, rest) = rest.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    if fields.next()? == "Z" {
        return None;
    }
    Some((process.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_lines_survive_odd_names() {
        assert_eq!(parse_stat("42 (cat) S 7 42 7 0"), Some((42, 7)));
        assert_eq!(parse_stat("42 (a) R 1 (b) S 7 42"), Some((42, 7)));
        assert_eq!(parse_stat("42 (gone) Z 7 42"), None);
        assert_eq!(parse_stat("nonsense"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn grandchildren_count() {
        let children = HashMap::from([(1, vec![2, 3]), (3, vec![4]), (9, vec![10])]);
        let mut found = below(1, &children);
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4]);
    }

    #[test]
    fn a_started_program_is_below_us() {
        let mut child = std::process::Command::new("sleep")
            .arg("10")
            .spawn()
            .unwrap();
        let found = descendants();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&child.id().cast_signed()));
    }
}
