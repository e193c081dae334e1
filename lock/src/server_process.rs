//! Processes that serve the recorder, each with its own capabilities: it begins as a copy of the
//! recorder, and keeps a socket and what it needs.

use std::{
    fs, io, mem,
    os::{
        fd::{AsRawFd as _, RawFd},
        unix::net::UnixStream,
    },
    panic::{self, AssertUnwindSafe},
    ptr, thread,
    time::{Duration, Instant},
};

use crate::clock;

/// How long a process that was killed is waited for.
const KILLED: Duration = Duration::from_secs(5);

/// A process of this thread.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    pid: libc::pid_t,
    is_ended: bool,
    socket: UnixStream,
    clock: libc::clockid_t,
}

impl ServerProcess {
    /// Starts a process that calls `serve` and ends with it, or with this thread. It has descriptor
    /// 0, the other end of the socket, and no others. Signals of the terminal do not end it.
    ///
    /// # Errors
    /// If this user may not have another process or descriptor.
    pub(crate) fn start(serve: impl FnOnce(&Parent) -> io::Result<()>) -> io::Result<Self> {
        let (socket, other) = UnixStream::pair()?;
        // SAFETY: without arguments.
        let parent = Parent(unsafe { libc::getpid() });
        // SAFETY: the new process has this thread only. What it does with memory is safe, as
        // the C library has its allocator in order after a fork, and it does not return.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(io::Error::last_os_error());
        }
        if pid == 0 {
            // A message of a panic has no descriptor to go to. Another hook would need a lock,
            // which a thread of the recorder may have held.
            let served = panic::catch_unwind(AssertUnwindSafe(|| {
                keep_only(other.as_raw_fd())?;
                parent.end_with()?;
                serve(&parent)
            }));
            let code = i32::from(!matches!(served, Ok(Ok(()))));
            // SAFETY: a number only. Nothing of the recorder is undone.
            unsafe { libc::_exit(code) };
        }
        let mut clock = 0;
        // SAFETY: `clock` is what the call writes.
        if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
            clock = libc::CLOCK_MONOTONIC;
        }
        Ok(Self {
            pid,
            is_ended: false,
            socket,
            clock,
        })
    }

    /// The recorder's end.
    pub(crate) fn socket(&self) -> &UnixStream {
        &self.socket
    }

    pub(crate) fn pid(&self) -> libc::pid_t {
        self.pid
    }

    /// The CPU time that it took so far.
    pub(crate) fn cpu(&self) -> Duration {
        clock::time(self.clock).unwrap_or_default()
    }

    /// Ends it; the CPU time that it took.
    pub(crate) fn end(mut self) -> Duration {
        clock::cpu_time(&self.kill())
    }

    fn kill(&mut self) -> libc::rusage {
        self.is_ended = true;
        let mut usage = mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the child is this process's own, and not waited for yet.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        let began = Instant::now();
        // One that the kernel has wait for a file system cannot be killed, and is left behind.
        while began.elapsed() < KILLED {
            // SAFETY: as above.
            let ended = unsafe {
                libc::wait4(self.pid, ptr::null_mut(), libc::WNOHANG, usage.as_mut_ptr())
            };
            if ended != 0 {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        // SAFETY: zero is a value of it, where the call did not write.
        unsafe { usage.assume_init() }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if !self.is_ended {
            self.kill();
        }
    }
}

/// The recorder, as seen by a process that it started.
#[derive(Debug)]
pub(crate) struct Parent(libc::pid_t);

impl Parent {
    /// Has this process end with the recorder's thread. To be called again after a change of the
    /// user or of groups, which takes it back.
    pub(crate) fn end_with(&self) -> io::Result<()> {
        // SAFETY: numbers only.
        let parent = unsafe {
            check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))?;
            libc::getppid()
        };
        if parent != self.0 {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        }
        Ok(())
    }
}

/// The result of a system call that returns -1 on failure.
pub(crate) fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Leaves this process one descriptor, as number 0, and no signals of the terminal.
fn keep_only(socket: RawFd) -> io::Result<()> {
    // SAFETY: numbers only.
    unsafe {
        // Who stops the recorder by the terminal does not mean this one.
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
            libc::signal(signal, libc::SIG_IGN);
        }
        check(libc::dup2(socket, 0))?;
    }
    // SAFETY: numbers only. Nothing in this process uses what is closed any more.
    if unsafe { libc::syscall(libc::SYS_close_range, 1, u32::MAX, 0) } == 0 {
        return Ok(());
    }
    // Before Linux 5.9.
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|&descriptor| descriptor > 0) {
        // SAFETY: as above.
        unsafe { libc::close(descriptor) };
    }
    Ok(())
}
