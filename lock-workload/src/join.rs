//! Waits for the ends of threads.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::{
    crew::LOOK_AGAIN,
    meter::Ended,
    rounds::{Contended, Holder, Waiter},
    truth::Subject,
};

/// How large the stacks of these threads are, in bytes. The C library keeps some memory for
/// stacks; beyond it, whoever joins gives the stack back, and may wait for the mmap_lock.
const STACK: usize = 64 << 10;

/// Threads that last as long as the holder has them last.
#[derive(Debug, Default)]
pub(crate) struct Join {
    /// The newest round whose threads may end.
    ended: Arc<AtomicU64>,
    /// The round that is under way.
    begun: AtomicU64,
    /// How many of its threads sleep.
    started: Arc<AtomicU32>,
}

impl Contended for Join {
    fn locks(&self) -> Vec<Subject> {
        vec![Subject {
            name: "threads",
            r#type: "thread join",
            caller: "wait_for_the_end_of_a_thread",
            ..Subject::default()
        }]
    }

    #[inline(never)]
    fn hold_the_lock(&self, holder: &mut Holder) -> io::Result<()> {
        let round = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        holder.until_all_wait();
        self.ended.store(round, Ordering::Release);
        Ok(())
    }

    fn wait(&self, waiter: &mut Waiter) -> io::Result<()> {
        let round = self.begun.load(Ordering::Acquire);
        let (ended, started) = (Arc::clone(&self.ended), Arc::clone(&self.started));
        let before = self.started.load(Ordering::Acquire);
        let thread = thread::Builder::new()
            .name("joined".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                started.fetch_add(1, Ordering::AcqRel);
                while ended.load(Ordering::Acquire) < round {
                    thread::sleep(LOOK_AGAIN);
                }
            })?;
        // Its start is over: nobody else waits for it.
        while self.started.load(Ordering::Acquire) == before {
            thread::sleep(LOOK_AGAIN);
        }
        waiter.call(0, || wait_for_the_end_of_a_thread(thread))?;
        Ok(())
    }
}

#[inline(never)]
fn wait_for_the_end_of_a_thread(thread: JoinHandle<()>) -> io::Result<Ended> {
    match thread.join() {
        Ok(()) => Ok(Ended::Acquired),
        Err(_) => Err(io::Error::other("a thread panicked")),
    }
}
