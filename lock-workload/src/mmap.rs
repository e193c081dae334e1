//! Waits for the rwsem of a process's memory map (`mmap_lock`).
//!
//! One thread changes the protection of a large region, which holds the rwsem for writing
//! over all its pages. Others meanwhile ask which of their pages are resident (`mincore`, a
//! reader) or change the protection of a page of their own (`mprotect`, a writer).
//!
//! As for the file's position, all threads are kept on one CPU: whoever finds the rwsem
//! taken finds its owner off the CPU and sleeps. A call with a switch has waited once; a
//! call without one may have been too early or too late.

use std::{
    io, ptr,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use crate::{
    crew::LOOK_AGAIN,
    meter::{Counting, Ended},
    rounds::{Contended, Holder, Waiter},
    truth::Subject,
};

const PAGE: usize = 4096;

/// Pages of zeros: 8 bytes each in the page table, and no more.
const REGION: usize = 1 << 30;

/// How much is changed at least, in bytes.
const SMALLEST_CHANGE: usize = 1 << 20;

/// A memory map with a large region, and a page for each waiter. They stay until the process
/// ends: to unmap them holds the rwsem while ending threads want it for their stacks.
#[derive(Debug)]
pub(crate) struct MemoryMap {
    /// Where the region is.
    region: usize,
    /// Where the waiters' pages are: each between two that stay as they are.
    pages: usize,
    /// How many bytes of the region are changed in this round.
    change: AtomicUsize,
    /// Whether the change is under way.
    changing: AtomicBool,
}

impl MemoryMap {
    pub(crate) fn new(waiters: u32) -> io::Result<Self> {
        let region = map(REGION, libc::PROT_READ)?;
        // SAFETY: a mapping of this size.
        let huge = unsafe { libc::madvise(region as *mut _, REGION, libc::MADV_NOHUGEPAGE) };
        // It fails on a kernel without huge pages.
        if huge < 0 && io::Error::last_os_error().raw_os_error() != Some(libc::EINVAL) {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a mapping of this size.
        if unsafe { libc::madvise(region as *mut _, REGION, libc::MADV_POPULATE_READ) } < 0 {
            // Before 5.14.
            for page in (region..region + REGION).step_by(PAGE) {
                // SAFETY: in the mapping, which can be read.
                unsafe { ptr::read_volatile(page as *const u8) };
            }
        }
        Ok(Self {
            region,
            pages: map((2 * waiters as usize + 1) * PAGE, libc::PROT_READ)?,
            change: AtomicUsize::new(64 << 20),
            changing: AtomicBool::new(false),
        })
    }
}

impl Contended for MemoryMap {
    const COUNTING: Counting = Counting::EachCall;

    fn locks(&self) -> Vec<Subject> {
        let lock = |r#type, caller| Subject {
            name: "mmap_lock",
            r#type,
            caller,
            ..Subject::default()
        };
        vec![lock("rwsem:R", "mincore"), lock("rwsem:W", "mprotect")]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        let size = self.change.load(Ordering::Relaxed);
        holder.begin();
        // Awake on the same CPU, and asleep again until the change is under way.
        thread::sleep(2 * LOOK_AGAIN);
        self.changing.store(true, Ordering::Release);
        let before = Instant::now();
        let outcome = protect(self.region, size, libc::PROT_NONE);
        let took = before.elapsed();
        self.changing.store(false, Ordering::Release);
        holder.until_passed(holder.waiters());
        outcome?;
        protect(self.region, size, libc::PROT_READ)?;
        let fitting = size as f64 * holder.time_to_hold().as_secs_f64() / took.as_secs_f64();
        let fitting = (fitting as usize).clamp(SMALLEST_CHANGE, REGION) / PAGE * PAGE;
        self.change.store(fitting, Ordering::Relaxed);
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        let begin = Instant::now();
        while !self.changing.load(Ordering::Acquire) {
            // The change may be over already.
            if begin.elapsed() > 20 * LOOK_AGAIN {
                waiter.comes_too_late();
                return Ok(());
            }
            thread::sleep(LOOK_AGAIN);
        }
        let page = self.pages + (2 * waiter.number() + 1) * PAGE;
        match waiter.number() % 2 {
            0 => waiter.call(0, || resident(page))?,
            // Takes the rwsem although there is nothing to change.
            _ => waiter.call(1, || protect(page, PAGE, libc::PROT_READ))?,
        };
        Ok(())
    }
}

fn map(bytes: usize, protection: libc::c_int) -> io::Result<usize> {
    // SAFETY: a new mapping.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            bytes,
            protection,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    match address {
        libc::MAP_FAILED => Err(io::Error::last_os_error()),
        address => Ok(address as usize),
    }
}

#[inline(never)]
fn protect(address: usize, bytes: usize, protection: libc::c_int) -> io::Result<Ended> {
    // SAFETY: of the scenario's own mappings, which nobody reads meanwhile.
    match unsafe { libc::mprotect(address as *mut _, bytes, protection) } {
        0 => Ok(Ended::Acquired),
        _ => Err(io::Error::last_os_error()),
    }
}

#[inline(never)]
fn resident(page: usize) -> io::Result<Ended> {
    let mut resident = 0_u8;
    // SAFETY: one page, for which one byte is written.
    match unsafe { libc::mincore(page as *mut _, PAGE, &raw mut resident) } {
        0 => Ok(Ended::Acquired),
        _ => Err(io::Error::last_os_error()),
    }
}
