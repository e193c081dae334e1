//! Child processes that end with this one, however it ends, and with all that they started.
//!
//! PR_SET_PDEATHSIG alone does not suffice: it reaches only the direct child, follows the
//! *thread* that started it, and is cleared for set-user-ID programs. cargo starts compilers,
//! compilers start linkers, apt starts its methods. So each child has a *keeper* between it and
//! this process: a copy of this process that executes nothing, adopts what its descendants leave
//! behind, and waits for one of two events. When the child ends, the keeper ends in the same
//! way. When the other end of its pipe, the lifeline, is closed, it kills all that is below it:
//! the kernel closes it if this process is killed, and [`Child`] if it is dropped.

use std::{
    fs::{self, File},
    io::{self, PipeReader, PipeWriter, Read as _, pipe},
    os::{
        fd::{AsRawFd as _, OwnedFd, RawFd},
        unix::process::CommandExt as _,
    },
    process::{self, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A running child. It is killed with its descendants when this is dropped.
#[derive(Debug)]
#[non_exhaustive]
pub struct Child {
    /// Its stdin, if it was piped.
    pub stdin: Option<ChildStdin>,
    /// Its stdout, if it was piped.
    pub stdout: Option<ChildStdout>,
    /// Its stderr, if it was piped.
    pub stderr: Option<ChildStderr>,
    keeper: process::Child,
    lifeline: Option<PipeWriter>,
}

/// Starts `command`.
///
/// # Errors
/// When it cannot be started.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let (end, lifeline) = pipe()?;
    let mut keeper = start(command, end)?;
    Ok(Child {
        stdin: keeper.stdin.take(),
        stdout: keeper.stdout.take(),
        stderr: keeper.stderr.take(),
        keeper,
        lifeline: Some(lifeline),
    })
}

/// How a program ended, in words: `exit code 3`, `signal 9 (SIGKILL)`.
pub fn ending(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string().replacen("signal: ", "signal ", 1),
    }
}

/// Runs `command` to its end.
///
/// # Errors
/// When it cannot be started.
pub fn status(command: &mut Command) -> io::Result<ExitStatus> {
    spawn(command)?.wait()
}

/// Runs `command` to its end, and returns what it prints on stdout and stderr.
///
/// # Errors
/// When it cannot be started, or its output cannot be read.
pub fn output(command: &mut Command) -> io::Result<Output> {
    spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?.wait_with_output()
}

impl Child {
    /// For how long a thread of it, the one that it was longest for, has been ready to run while
    /// others had the CPUs. Zero where the kernel does not report it (CONFIG_SCHED_INFO and
    /// CONFIG_PROC_CHILDREN).
    #[must_use]
    pub fn run_queue_delay(&self) -> Duration {
        let keeper = self.keeper.id();
        let children = format!("/proc/{keeper}/task/{keeper}/children");
        fs::read_to_string(children)
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|child| fs::read_dir(format!("/proc/{child}/task")).ok())
            .flatten()
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
            // Nanoseconds on a CPU, then ready to run.
            .filter_map(|line| line.split_whitespace().nth(1)?.parse().ok())
            .max()
            .map_or(Duration::ZERO, Duration::from_nanos)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.keeper.wait()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.keeper.try_wait()
    }

    /// Waits for its end, and reads what it prints until then.
    ///
    /// # Errors
    /// When its output cannot be read.
    pub fn wait_with_output(mut self) -> io::Result<Output> {
        drop(self.stdin.take());
        let [stdout, stderr] = read_all([
            self.stdout.take().map(OwnedFd::from).map(File::from),
            self.stderr.take().map(OwnedFd::from).map(File::from),
        ])?;
        Ok(Output {
            status: self.wait()?,
            stdout,
            stderr,
        })
    }

    /// Kills it and its descendants, and waits until they have ended.
    pub fn end(&mut self) {
        drop(self.lifeline.take());
        let _ = self.keeper.wait();
    }
}

/// Reads both to their ends, whichever has something: std panics when that fails.
fn read_all(mut files: [Option<File>; 2]) -> io::Result<[Vec<u8>; 2]> {
    let mut bytes = [Vec::new(), Vec::new()];
    let mut buffer = [0; 16 << 10];
    while files.iter().any(Option::is_some) {
        let mut events = files.each_ref().map(|file| libc::pollfd {
            // One that is negative is left out.
            fd: file.as_ref().map_or(-1, |file| file.as_raw_fd()),
            events: libc::POLLIN,
            revents: 0,
        });
        // SAFETY: there are two of them.
        if unsafe { libc::poll(events.as_mut_ptr(), 2, -1) } < 0 {
            let cause = io::Error::last_os_error();
            if cause.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            return Err(cause);
        }
        let ready = events.iter().zip(&mut files).zip(&mut bytes);
        for ((event, slot), bytes) in ready.filter(|((event, _), _)| event.revents != 0) {
            let Some(file) = slot.as_mut().filter(|_| event.fd >= 0) else {
                continue;
            };
            match file.read(&mut buffer) {
                Ok(0) => *slot = None,
                Ok(length) => bytes.extend(buffer.iter().take(length)),
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
    }
    Ok(bytes)
}

/// Starts `command` below a keeper that holds `end`.
fn start(command: &mut Command, end: PipeReader) -> io::Result<process::Child> {
    // The closure stays in the command, which may be started again, below another keeper.
    let used = Arc::new(AtomicBool::new(false));
    let first = Arc::clone(&used);
    let kept = move || {
        if first.load(Ordering::Relaxed) {
            return Ok(());
        }
        keep(end.as_raw_fd())
    };
    // SAFETY: between fork and exec, `keep` makes system calls only.
    unsafe { command.pre_exec(kept) };
    let started = command.spawn();
    used.store(true, Ordering::Relaxed);
    started
}

/// Forks: the new process returns, to execute the program. This one becomes its keeper.
fn keep(end: RawFd) -> io::Result<()> {
    // SAFETY: getpid, signal, prctl and fork with these arguments touch no memory of this
    // process, which has one thread. An orphan of an old kernel, before 3.4, stays init's.
    let (keeper, program) = unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        (libc::getpid(), libc::fork())
    };
    match program {
        -1 => Err(io::Error::last_os_error()),
        0 => end_with(keeper),
        _ => Keeper { program, end }.run(),
    }
}

/// Has the kernel end this process if `keeper`, its parent, is killed.
fn end_with(keeper: libc::pid_t) -> io::Result<()> {
    // SAFETY: prctl with this option takes a number and touches no memory; getppid takes nothing.
    let parent = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        libc::getppid()
    };
    // If it ended before that, nobody would end this process.
    if parent == keeper {
        Ok(())
    } else {
        Err(io::ErrorKind::Interrupted.into())
    }
}

/// The process between this program and a child. As a copy of a process with threads it may
/// make system calls only, and not allocate.
struct Keeper {
    program: libc::pid_t,
    /// Readable, at its end, once the lifeline is closed.
    end: RawFd,
}

impl Keeper {
    fn run(self) -> ! {
        close_all_but(self.end);
        let children = signals();
        // Milliseconds. Without the descriptor, or after a failed call, only the timeout finds a child
        // that has ended.
        let timeout = if children < 0 { 20 } else { 1000 };
        // SAFETY: the name is a string that ends in zero.
        unsafe { libc::prctl(libc::PR_SET_NAME, c"keeper".as_ptr()) };
        loop {
            if let Some(status) = self.reap() {
                exit_with(status);
            }
            let mut events = [self.end, children].map(|fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            });
            // SAFETY: there are two of them.
            unsafe { libc::poll(events.as_mut_ptr(), 2, timeout) };
            if events[0].revents != 0 {
                self.end_all();
            }
            if events[1].revents != 0 {
                let mut info = [0_u8; size_of::<libc::signalfd_siginfo>()];
                // SAFETY: it is as long as stated.
                unsafe { libc::read(children, info.as_mut_ptr().cast(), info.len()) };
            }
        }
    }

    /// Waits for all that have ended; how the program ended, if it is among them.
    fn reap(&self) -> Option<libc::c_int> {
        let mut ended = None;
        while let Some((process, status)) = next_ended() {
            if process == self.program {
                ended = Some(status);
            }
        }
        ended
    }

    /// Kills all descendants. Those that are left without a parent become children of this
    /// process, and are killed at the next turn.
    fn end_all(&self) -> ! {
        let mut program_runs = true;
        loop {
            // Where the kernel does not list children, CONFIG_PROC_CHILDREN, this is what remains.
            let mut killed = program_runs && kill(self.program, libc::SIGKILL);
            killed |= kill_children();
            // One of another user, below sudo, cannot be killed, nor waited for.
            if !killed {
                exit(1);
            }
            sleep_a_moment();
            program_runs &= self.reap().is_none();
        }
    }
}

/// A child that has ended, and how.
fn next_ended() -> Option<(libc::pid_t, libc::c_int)> {
    let mut status = 0;
    // SAFETY: the status is this function's own.
    let process = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    (process > 0).then_some((process, status))
}

/// Kills the children of this process, which has one thread; whether there were any. Their
/// numbers are not used again before they are waited for.
fn kill_children() -> bool {
    // SAFETY: the path is a string that ends in zero.
    let list = unsafe { libc::open(c"/proc/thread-self/children".as_ptr(), libc::O_RDONLY) };
    if list < 0 {
        return false;
    }
    let mut killed = false;
    let mut number: libc::pid_t = 0;
    let mut bytes = [0_u8; 512];
    loop {
        // SAFETY: it is as long as stated.
        let read = unsafe { libc::read(list, bytes.as_mut_ptr().cast(), bytes.len()) };
        let read = usize::try_from(read).unwrap_or_default();
        for &byte in bytes.iter().take(read) {
            if byte.is_ascii_digit() {
                number = number
                    .wrapping_mul(10)
                    .wrapping_add(libc::pid_t::from(byte - b'0'));
            } else {
                // Each number ends in a blank.
                killed |= number > 0 && kill(number, libc::SIGKILL);
                number = 0;
            }
        }
        if read == 0 {
            break;
        }
    }
    // SAFETY: it is this function's own.
    unsafe { libc::close(list) };
    killed
}

fn kill(process: libc::pid_t, signal: libc::c_int) -> bool {
    // SAFETY: kill takes two numbers and touches no memory.
    unsafe { libc::kill(process, signal) == 0 }
}

fn sleep_a_moment() {
    let moment = libc::timespec {
        tv_sec: 0,
        tv_nsec: 2_000_000,
    };
    // SAFETY: the remaining time is not asked for.
    unsafe { libc::nanosleep(&raw const moment, std::ptr::null_mut()) };
}

/// Closes what the keeper has in common with others: as long as it held a pipe's end, its readers
/// would wait for more.
fn close_all_but(kept: RawFd) {
    let kept = kept.cast_unsigned();
    // SAFETY: close_range and close take numbers. Nothing in this process uses the descriptors.
    unsafe {
        let above = libc::syscall(libc::SYS_close_range, kept + 1, u32::MAX, 0);
        if above != 0 {
            // Before Linux 5.9.
            (kept + 1..DESCRIPTORS).for_each(|fd| {
                libc::close(fd.cast_signed());
            });
        }
        (0..kept).for_each(|fd| {
            libc::close(fd.cast_signed());
        });
    }
}

/// As many as a process may have by default, and then some.
const DESCRIPTORS: u32 = 1 << 14;

/// Blocks all signals: those of a terminal are for the program. Returns a descriptor that is
/// readable once a child has ended.
fn signals() -> RawFd {
    // SAFETY: a set of signals may be all zeros, and sigfillset and sigaddset write it. The
    // former set is not asked for.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut child = all;
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        libc::sigemptyset(&raw mut child);
        libc::sigaddset(&raw mut child, libc::SIGCHLD);
        libc::signalfd(-1, &raw const child, libc::SFD_NONBLOCK)
    }
}

/// Ends this process as its child has ended.
fn exit_with(status: libc::c_int) -> ! {
    if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        let none = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: a set of signals may be all zeros, and is written before it is read. The
        // former set is not asked for.
        unsafe {
            // The child's core is the one of interest.
            libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
            let mut all: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut all);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        }
        exit(128 + signal);
    }
    exit(libc::WEXITSTATUS(status));
}

fn exit(code: libc::c_int) -> ! {
    // SAFETY: it ends this process at once, and runs nothing of it.
    unsafe { libc::_exit(code) }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::{BufRead as _, BufReader, Write as _},
        os::unix::process::ExitStatusExt as _,
        path::PathBuf,
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn endings_name_the_exit_code_or_the_signal() {
        let ending = |script| super::ending(shell(script).status().unwrap());
        assert_eq!(ending("exit 3"), "exit code 3");
        assert_eq!(ending("kill -KILL $$"), "signal 9 (SIGKILL)");
    }

    /// Starts a program below a program, which leaves it behind; both print their numbers.
    fn family() -> (Child, Vec<PathBuf>) {
        let mut command =
            shell("(setsid sh -c 'echo $$; exec sleep 60' & echo done) & echo $$; exec sleep 60");
        let mut child = spawn(command.stdout(Stdio::piped())).unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let mut words: Vec<String> = lines.take(3).map(Result::unwrap).collect();
        words.retain(|word| word != "done");
        let processes = words.iter().map(|pid| PathBuf::from("/proc").join(pid));
        (child, processes.collect())
    }

    #[test]
    fn a_child_that_shares_its_cpu_waits_for_it() {
        // Both stay on the CPU that this thread is on at the moment.
        let busy =
            "taskset -p -c $(cut -d' ' -f39 /proc/$$/stat) $$ >/dev/null; while :; do :; done";
        let command = format!("({busy}) & {busy}");
        let child = spawn(&mut shell(&command)).unwrap();
        let idle = spawn(&mut shell("exec sleep 60")).unwrap();
        wait_until("a delay of 100 ms", || {
            child.run_queue_delay() > Duration::from_millis(100)
        });
        assert!(idle.run_queue_delay() < child.run_queue_delay());
    }

    fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
        let since = Instant::now();
        while !condition() {
            assert!(since.elapsed() < Duration::from_secs(30), "{what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_child_ends_as_its_program_does() {
        assert_eq!(status(&mut shell("exit 7")).unwrap().code(), Some(7));
        let killed = status(&mut shell("kill -TERM $$")).unwrap();
        assert_eq!(killed.signal(), Some(libc::SIGTERM));
        let killed = status(&mut shell("kill -KILL $$")).unwrap();
        assert_eq!(killed.signal(), Some(libc::SIGKILL));
        let missing = spawn(&mut Command::new("/no/such")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn its_streams_are_its_own() {
        let output = output(&mut shell("echo one; echo two >&2")).unwrap();
        assert_eq!(output.stdout, b"one\n");
        assert_eq!(output.stderr, b"two\n");
        let mut command = shell("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(&mut command).unwrap();
        child.stdin.as_mut().unwrap().write_all(b"in").unwrap();
        drop(child.stdin.take());
        assert_eq!(child.wait_with_output().unwrap().stdout, b"in");
        // What it closes is closed, though its keeper is there.
        let mut command = shell("echo said; exec >&-; exec sleep 60");
        let mut child = spawn(command.stdout(Stdio::piped())).unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert_eq!(lines.count(), 1);
    }

    #[test]
    fn much_on_both_streams_is_read() {
        let script = "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; echo end >&2";
        let output = output(&mut shell(script)).unwrap();
        assert_eq!(output.stdout.len(), 300_000);
        assert_eq!(output.stderr.len(), 300_004);
        // One of two that is not piped.
        let mut command = shell("echo one");
        let child = spawn(command.stdout(Stdio::piped())).unwrap();
        assert_eq!(child.wait_with_output().unwrap().stdout, b"one\n");
    }

    #[test]
    fn a_command_can_be_started_twice() {
        let mut command = shell("exit 3");
        assert_eq!(status(&mut command).unwrap().code(), Some(3));
        assert_eq!(status(&mut command).unwrap().code(), Some(3));
    }

    #[test]
    fn descendants_end_with_the_child() {
        let (mut child, processes) = family();
        assert!(processes.iter().all(|process| process.exists()));
        child.end();
        assert!(!processes.iter().any(|process| process.exists()));
        let (child, processes) = family();
        drop(child);
        wait_until("they end", || {
            !processes.iter().any(|process| process.exists())
        });
    }

    #[test]
    fn descendants_end_with_a_killed_parent() {
        // This process's copy starts them, prints their numbers, and is killed.
        const INNER: &str = "EBPF_BASE_INNER";
        if std::env::var_os(INNER).is_some() {
            let (_child, processes) = family();
            fs::write(std::env::var_os(INNER).unwrap(), format!("{processes:?}")).unwrap();
            kill(process::id().cast_signed(), libc::SIGKILL);
        }
        let file = std::env::temp_dir().join(format!("ebpf-base-child-{}", process::id()));
        let this = std::env::current_exe().unwrap();
        let status = Command::new(this)
            .args([
                "--exact",
                "child::tests::descendants_end_with_a_killed_parent",
            ])
            .env(INNER, &file)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(libc::SIGKILL));
        let said = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let processes: Vec<_> = said.split('"').filter(|part| part.contains('/')).collect();
        assert_eq!(processes.len(), 2, "{said}");
        wait_until("they end", || {
            !processes.iter().any(|process| fs::exists(process).unwrap())
        });
    }

    #[test]
    fn the_program_ends_with_its_keeper() {
        let (child, processes) = family();
        kill(child.keeper.id().cast_signed(), libc::SIGKILL);
        wait_until("it ends", || {
            !processes[0].exists() || !processes[1].exists()
        });
    }
}
