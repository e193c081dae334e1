//! The same question put to many kernels, side by side. Each kernel is asked in a
//! process or a guest of its own, under a deadline, so that one that dies or hangs is a
//! result like any other.

mod agent_process;
mod failure;
mod guests;
pub(crate) mod kernel_btf;
mod kernel_run;
pub(crate) mod test_runs;
pub(crate) mod verdicts;

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use ebpf_build::Result;
use ebpf_kernels::KernelTarget;

/// How kernels are asked.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Memory of each guest, in MiB.
    pub memory: u32,
    /// How long it may work on one program, or one test.
    pub timeout: Duration,
}

/// How many seconds one program or test may take, where nothing else is asked for: an
/// emulated kernel needs some 20 for the largest program that it accepts.
pub(crate) const TIMEOUT: u64 = 120;

/// Memory of a guest, in MiB, where nothing else is asked for. A kernel needs some 130.
pub(crate) const GUEST_MEMORY: u32 = 512;

impl Default for Settings {
    fn default() -> Self {
        Self {
            memory: GUEST_MEMORY,
            timeout: Duration::from_secs(TIMEOUT),
        }
    }
}

/// Asks as many kernels at a time as there are processors. In the order of `kernels`.
///
/// # Errors
/// The first of `ask`; no other kernel is begun with after it.
fn side_by_side<T: Send>(
    kernels: &[KernelTarget],
    ask: &(dyn Fn(&KernelTarget) -> Result<T> + Sync),
) -> Result<Vec<T>> {
    let queue: Mutex<VecDeque<_>> = Mutex::new(kernels.iter().enumerate().collect());
    let answers = Mutex::new(Vec::new());
    // A guest has one processor: as many at a time as there are real ones.
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        // The lock is for taking one, not for asking it.
        let next = || lock(&queue).pop_front();
        while let Some((number, kernel)) = next() {
            let answer = ask(kernel);
            if answer.is_err() {
                // The others would fail in the same way.
                lock(&queue).clear();
            }
            lock(&answers).push((number, answer));
        }
    };
    thread::scope(|scope| {
        // This thread is one of them. Where no other can be started, it does all of the work.
        for _ in 1..workers.min(kernels.len()) {
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
