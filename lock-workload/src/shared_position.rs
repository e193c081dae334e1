//! Waits for one kernel mutex, each of them known: that of a file's position.
//!
//! Threads share the descriptor of a file in memory. `write` holds the mutex of the file
//! position (`f_pos_lock`, taken in `fdget_pos`) for as long as it copies. While the file
//! has grown but not to its full size, which shows that the write holds the mutex, each
//! waiter asks for the position with one `lseek`, which takes the same mutex.
//!
//! All threads are kept on one CPU. So from the look at the size to the mutex, the write
//! can only go on if the waiter is switched out, and the kernel counts each thread's
//! switches. Whoever finds the mutex held finds its owner off the CPU, does not spin for
//! it, and sleeps: a voluntary switch, for which `lseek` has no other reason. A call with
//! one has waited. A call without one was preempted in between and may have found the
//! mutex free: these few are counted apart. Whoever sees the file at its full size makes
//! no call at all: one that finds the mutex free, but other waiters not yet awake, would
//! be an event without a wait.

use std::{
    fs::File,
    io::{self, Seek as _, Write as _},
    os::fd::{AsRawFd as _, FromRawFd as _, RawFd},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use crate::{
    crew::LOOK_AGAIN,
    meter::{Counting, Ended},
    rounds::{Contended, Holder, Waiter},
    truth::Subject,
};

/// What one write may copy at least and at most, in bytes.
const SMALLEST_WRITE: usize = 64 << 10;
const LARGEST_WRITE: usize = 1 << 30;

/// A file that threads share.
#[derive(Debug)]
pub(crate) struct SharedPosition {
    file: File,
    /// What the write of this round copies. Only the holder's.
    content: Mutex<Vec<u8>>,
    /// Its size, in bytes.
    full_size: AtomicU64,
}

impl SharedPosition {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            file: memory_file()?,
            content: Mutex::new(vec![0; 4 << 20]),
            full_size: AtomicU64::new(0),
        })
    }
}

impl Contended for SharedPosition {
    const COUNTING: Counting = Counting::EachCall;

    fn locks(&self) -> Vec<Subject> {
        vec![Subject {
            name: "file position",
            r#type: "mutex",
            // Some kernels name it __fdget_pos.
            caller: "fdget_pos",
            ..Subject::default()
        }]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        // Nobody else touches the file now: nothing of this waits.
        self.file.set_len(0)?;
        (&self.file).rewind()?;
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        self.full_size
            .store(content.len() as u64, Ordering::Release);
        holder.begin();
        let before = Instant::now();
        (&self.file).write_all(&content)?;
        let took = before.elapsed();
        holder.until_passed(holder.waiters());
        let hold = holder.time_to_hold().as_secs_f64();
        let fitting = content.len() as f64 * hold / took.as_secs_f64();
        // The clock may not have moved: the cast saturates.
        content.resize((fitting as usize).clamp(SMALLEST_WRITE, LARGEST_WRITE), 0);
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        let full_size = self.full_size.load(Ordering::Acquire);
        loop {
            // Asking for the size does not take the mutex.
            match self.file.metadata()?.len() {
                0 => thread::sleep(LOOK_AGAIN),
                size if size < full_size => break,
                _ => {
                    waiter.comes_too_late();
                    return Ok(());
                }
            }
        }
        waiter.call(0, || position(self.file.as_raw_fd()))?;
        Ok(())
    }
}

/// Asks for the position with exactly one system call.
#[inline(never)]
fn position(fd: RawFd) -> io::Result<Ended> {
    // SAFETY: takes integers only.
    match unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(Ended::Acquired),
    }
}

fn memory_file() -> io::Result<File> {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"lock-workload".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and nobody else's.
    let file = unsafe { File::from_raw_fd(fd) };
    // memfd_create makes a file whose position has no mutex (no FMODE_ATOMIC_POS). The
    // same file, opened as any other, has it.
    File::options()
        .read(true)
        .write(true)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
