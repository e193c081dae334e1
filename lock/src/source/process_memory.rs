//! Reads the memory of recorded processes.
//!
//! Who owns a process can have the reader of its memory wait for good: its pages may be of a
//! file system that another program of that user serves (FUSE). So a process of its own reads,
//! which is left behind when that takes long.

use std::{
    fs::{self, File},
    io::{self, PipeReader, Read as _},
    os::fd::AsRawFd as _,
    ptr,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use ebpf_base::units::plural;

/// How long one read may take.
const LONGEST: Duration = Duration::from_secs(2);

/// The same, of a reader that is ready to run while others have the CPUs.
const LONGEST_READY: Duration = Duration::from_secs(30);

/// How often it is looked at, in milliseconds.
const LOOK: libc::c_int = 50;

/// How many reads may take longer. Then no memory is read any more.
const MOST_GIVEN_UP: u32 = 4;

/// How much is read at a time, in bytes.
const AT_A_TIME: usize = 4096;

static GIVEN_UP: AtomicU32 = AtomicU32::new(0);

/// What was not read, as a sentence.
pub(super) fn note() -> Option<String> {
    let given_up = GIVEN_UP.load(Ordering::Relaxed);
    (given_up > 0).then(|| {
        let count = plural(u64::from(given_up), "read");
        format!(
            "stacks and holders of some waits are unknown: {count} of process memory exceeded \
             the time limit of {} s",
            LONGEST.as_secs()
        )
    })
}

/// Reads memory of a process from an address on; how much of `to` it has filled.
pub(super) fn read(pid: u32, address: u64, to: &mut [u8]) -> io::Result<usize> {
    if GIVEN_UP.load(Ordering::Relaxed) >= MOST_GIVEN_UP {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let (mut bytes, end) = io::pipe()?;
    // SAFETY: the new process has this thread only. It makes system calls and does not return.
    let reader = unsafe { libc::fork() };
    if reader < 0 {
        return Err(io::Error::last_os_error());
    }
    if reader == 0 {
        copy(memory.as_raw_fd(), address, to.len(), end.as_raw_fd());
    }
    drop(end);
    let read = read_from(reader, &mut bytes, to);
    if read.is_ok() {
        // It has nothing left to read.
        // SAFETY: it is this process's own child, and the status is not asked for.
        unsafe { libc::waitpid(reader, ptr::null_mut(), 0) };
    } else {
        GIVEN_UP.fetch_add(1, Ordering::Relaxed);
        // SAFETY: it is this process's own child, and was not waited for.
        unsafe { libc::kill(reader, libc::SIGKILL) };
        // Where the kernel waits for a file system it cannot be killed, and is left behind.
        wait_a_moment(reader);
    }
    read
}

/// The process that reads: writes the memory to `end`, piece by piece.
fn copy(memory: libc::c_int, address: u64, length: usize, end: libc::c_int) -> ! {
    let mut piece = [0_u8; AT_A_TIME];
    let mut done = 0;
    while done < length {
        let at = address.wrapping_add(done as u64).cast_signed();
        // Each piece is of one page, so that what precedes an unreadable one is read.
        let to_page_end = AT_A_TIME - (at.cast_unsigned() as usize % AT_A_TIME);
        let wanted = to_page_end.min(length - done);
        // SAFETY: the piece is at least as long as is said, and the rest are numbers.
        let written = unsafe {
            let read = libc::pread(memory, piece.as_mut_ptr().cast(), wanted, at);
            let Ok(read) = usize::try_from(read) else {
                break;
            };
            libc::write(end, piece.as_ptr().cast(), read)
        };
        match usize::try_from(written) {
            Ok(written @ 1..) => done = done.saturating_add(written),
            _ => break,
        }
    }
    // SAFETY: a number only. Nothing of the recorder is undone.
    unsafe { libc::_exit(0) }
}

/// Reads what the reader writes, until `to` is full or the reader ends.
fn read_from(reader: libc::pid_t, from: &mut PipeReader, to: &mut [u8]) -> io::Result<usize> {
    let began = Instant::now();
    let mut filled = 0;
    while let Some(rest @ [_, ..]) = to.get_mut(filled..) {
        let mut event = libc::pollfd {
            fd: from.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: there is one.
        if unsafe { libc::poll(&raw mut event, 1, LOOK) } <= 0 {
            let limit = match is_ready(reader) {
                true => LONGEST_READY,
                false => LONGEST,
            };
            if began.elapsed() > limit {
                return Err(io::ErrorKind::TimedOut.into());
            }
            continue;
        }
        match from.read(rest) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(filled)
}

/// Whether a process runs or is ready to, see proc_pid_stat(5).
fn is_ready(process: libc::pid_t) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, fields)| fields.starts_with('R'))
}

/// Waits a moment for the end of a child.
fn wait_a_moment(child: libc::pid_t) {
    const TIMES: u32 = 100;
    for _ in 0..TIMES {
        // SAFETY: the status is not asked for.
        if unsafe { libc::waitpid(child, ptr::null_mut(), libc::WNOHANG) } != 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use std::{io, process::Command, ptr, time::Instant};

    use super::{LONGEST, LONGEST_READY, note, read, read_from};

    const PAGE: usize = 4096;

    fn map(length: usize) -> u64 {
        // SAFETY: a new mapping wherever there is room.
        let at = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(at, libc::MAP_FAILED);
        at as u64
    }

    #[test]
    fn memory_is_read_as_far_as_it_is_mapped() {
        let own = std::process::id();
        let text: Vec<u8> = (0..20_000_u32).map(|number| number as u8).collect();
        let mut copy = vec![0; text.len()];
        assert_eq!(
            read(own, text.as_ptr() as u64, &mut copy).unwrap(),
            text.len()
        );
        assert_eq!(copy, text);
        let at = map(3 * PAGE);
        // SAFETY: that page is this test's own, and nothing is in it.
        unsafe { libc::munmap((at + 2 * PAGE as u64) as *mut libc::c_void, PAGE) };
        let from = at + 100;
        assert_eq!(read(own, from, &mut copy).unwrap(), 2 * PAGE - 100);
        assert_eq!(read(own, 8, &mut copy).unwrap(), 0, "nothing is there");
        assert!(read(u32::MAX, 8, &mut copy).is_err());
        assert_eq!(note(), None);
    }

    #[test]
    fn a_reader_that_waits_is_given_up() {
        let (mut bytes, _end) = io::pipe().unwrap();
        let mut waits = Command::new("sleep").arg("60").spawn().unwrap();
        let began = Instant::now();
        let read = read_from(waits.id().cast_signed(), &mut bytes, &mut [0; 8]);
        waits.kill().unwrap();
        waits.wait().unwrap();
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= LONGEST && began.elapsed() < LONGEST_READY);
    }
}
