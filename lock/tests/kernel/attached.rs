//! What of a recording is in the kernel, and that nothing of it stays there.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};
use test_support::Failed;

use crate::{expect::expect, process::Process};

/// The programs of a recording, by the kernel's numbers, which it gives again only after
/// two billion others.
#[derive(Debug)]
pub(crate) struct Programs(BTreeSet<u32>);

impl Programs {
    /// Waits until a `lock` has attached this many, and tells which they are.
    pub(crate) fn once_attached(lock: &Process, count: usize) -> Result<Self, Failed> {
        lock.until_attached(count)?;
        let ours: BTreeSet<u32> = lock.descriptors("prog_id:").into_iter().collect();
        expect(ours.len() == count, || {
            format!("{count} programs are attached, there are {ours:?}")
        })?;
        expect(ours.is_subset(&loaded()), || {
            format!("{ours:?} are not loaded")
        })?;
        Ok(Self(ours))
    }

    /// That the kernel has none of them any more. It unloads them a moment after whoever
    /// held them is gone.
    pub(crate) fn expect_gone(&self) -> Result<(), Failed> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let left: Vec<u32> = loaded().intersection(&self.0).copied().collect();
            if left.is_empty() {
                return Ok(());
            }
            expect(Instant::now() < deadline, || {
                format!("still loaded after 10 s: {left:?}")
            })?;
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The numbers of all programs in the kernel.
fn loaded() -> BTreeSet<u32> {
    let programs = aya::programs::loaded_programs();
    // One that is unloaded between its number and its description is an error (ENOENT):
    // it is no longer loaded.
    programs
        .filter_map(Result::ok)
        .map(|program| program.id())
        .collect()
}
