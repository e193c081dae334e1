//! A mutex in memory that two processes share: a child process has it, this one waits.

use std::{
    io, mem,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::{
    crew::LOOK_AGAIN,
    meter::Ended,
    pthread::{Kind, check, initialise_mutex},
    rounds::{Contended, Holder, Waiter},
    truth::Subject,
};

/// The name of the memory, as `/proc/PID/maps` has it.
const NAME: &std::ffi::CStr = c"lock-workload-shared";

/// What the child is asked to do, in this order and again from the first.
const FREE: u64 = 0;
const TAKE: u64 = 1;
const TAKEN: u64 = 2;
const LET_GO: u64 = 3;
const END: u64 = 4;

/// What is in the memory.
#[repr(C)]
struct Memory {
    mutex: libc::pthread_mutex_t,
    state: AtomicU64,
}

/// The memory, and the child that has it, too.
#[derive(Debug)]
pub(crate) struct SharedMemory {
    memory: NonNull<Memory>,
    child: libc::pid_t,
}

// SAFETY: the mutex is made for several threads, the state is atomic, and the mapping
// stays until the value is dropped.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    pub(crate) fn new() -> io::Result<Self> {
        let memory = map()?;
        // SAFETY: its own memory, which nobody uses yet.
        unsafe { initialise_mutex(&raw mut (*memory.as_ptr()).mutex, Kind::Shared) }?;
        // SAFETY: the child only calls what may be called there: it neither allocates nor
        // takes a lock that another thread of this process may have had.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => hold_for_the_parent(memory),
            child => Ok(Self { memory, child }),
        }
    }

    fn state(&self) -> &AtomicU64 {
        // SAFETY: mapped, and only used as an atomic.
        unsafe { &self.memory.as_ref().state }
    }

    fn mutex(&self) -> *mut libc::pthread_mutex_t {
        // SAFETY: stays within the mapping.
        unsafe { &raw mut (*self.memory.as_ptr()).mutex }
    }

    fn ask(&self, state: u64, until: u64) {
        self.state().store(state, Ordering::Release);
        while self.state().load(Ordering::Acquire) != until {
            thread::sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        self.state().store(END, Ordering::Release);
        // SAFETY: this process's own child, and a mapping of this size that nobody else uses.
        unsafe {
            libc::waitpid(self.child, ptr::null_mut(), 0);
            libc::munmap(self.memory.as_ptr().cast(), size_of::<Memory>());
        }
    }
}

fn map() -> io::Result<NonNull<Memory>> {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(NAME.as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let size = size_of::<Memory>();
    // SAFETY: takes integers.
    if unsafe { libc::ftruncate(fd.as_raw_fd(), size as libc::off_t) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new mapping.
    let address = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            fd.as_raw_fd(),
            0,
        )
    };
    match NonNull::new(address.cast()) {
        Some(memory) if address != libc::MAP_FAILED => Ok(memory),
        _ => Err(io::Error::last_os_error()),
    }
}

/// What the child does until the parent ends.
fn hold_for_the_parent(memory: NonNull<Memory>) -> ! {
    // SAFETY: all of these take integers or a C string; the memory is mapped.
    unsafe {
        libc::prctl(libc::PR_SET_NAME, c"holder".as_ptr());
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        let state = &memory.as_ref().state;
        let mutex = &raw mut (*memory.as_ptr()).mutex;
        loop {
            match state.load(Ordering::Acquire) {
                END => libc::_exit(0),
                TAKE => hold_the_lock(mutex, state),
                _ => {
                    libc::usleep(100);
                }
            }
        }
    }
}

/// # Safety
///
/// Mapped memory with an initialised mutex.
#[inline(never)]
unsafe fn hold_the_lock(mutex: *mut libc::pthread_mutex_t, state: &AtomicU64) {
    // SAFETY: the caller's promise.
    unsafe {
        libc::pthread_mutex_lock(mutex);
        state.store(TAKEN, Ordering::Release);
        while state.load(Ordering::Acquire) == TAKEN {
            libc::usleep(100);
        }
        libc::pthread_mutex_unlock(mutex);
    }
    // The parent may have said to end.
    let _ = state.compare_exchange(LET_GO, FREE, Ordering::AcqRel, Ordering::Acquire);
}

impl Contended for SharedMemory {
    fn locks(&self) -> Vec<Subject> {
        vec![Subject {
            name: "shared mutex",
            r#type: "user mutex",
            caller: "wait_for_shared_mutex",
            address: Some(self.mutex() as u64),
            bytes: size_of::<libc::pthread_mutex_t>() as u64,
            object: NAME.to_str().ok(),
        }]
    }

    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        self.ask(TAKE, TAKEN);
        holder.until_all_wait();
        self.ask(LET_GO, FREE);
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        waiter.call(0, || wait_for_shared_mutex(self.mutex()))?;
        // SAFETY: had by this thread.
        check(unsafe { libc::pthread_mutex_unlock(self.mutex()) })
    }
}

#[inline(never)]
fn wait_for_shared_mutex(mutex: *mut libc::pthread_mutex_t) -> io::Result<Ended> {
    // SAFETY: mapped and initialised.
    check(unsafe { libc::pthread_mutex_lock(mutex) }).map(|()| Ended::Acquired)
}

const _: () = assert!(mem::offset_of!(Memory, mutex) == 0);
