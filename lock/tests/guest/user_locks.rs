//! Waits for user locks, on every kernel.

use libtest_mimic::{Completion, Failed};

use crate::{
    Test,
    kernel::{Version, too_old},
    record,
    report::array,
};

/// On a kernel that can be recorded.
pub(crate) const TRIALS: &[(&str, Test)] = &[
    ("pthread_mutex", || agrees("pthread-mutex", FUTEX)),
    ("rust_mutex", || agrees("rust-mutex", FUTEX)),
    ("pthread_rwlock", || agrees("pthread-rwlock", FUTEX)),
    ("pi_mutex", || agrees("pi-mutex", FUTEX)),
    ("futex_waitv", || agrees("futex-waitv", Version(5, 16))),
    ("futex2_wait", || agrees("futex2-wait", Version(6, 7))),
    ("the_releaser_is_the_culprit", the_releaser_is_the_culprit),
];

/// Older than any kernel that can be recorded.
const FUTEX: Version = Version(2, 6);

fn agrees(scenario: &str, needed: Version) -> Result<Completion, Failed> {
    if let Some(ignored) = too_old(needed)? {
        return Ok(ignored);
    }
    record::workload(scenario)?.agrees()?;
    Ok(Completion::Completed)
}

fn the_releaser_is_the_culprit() -> Result<Completion, Failed> {
    let recorded = record::workload("holder")?;
    recorded.agrees()?;
    let pairs = array(&recorded.truth, "/pairs")?;
    if pairs.is_empty() {
        return Err("the workload tells no pairs".into());
    }
    for pair in pairs {
        let name = |key: &str| pair[key].as_str().unwrap_or_default();
        if recorded.waits_of_pair(name("victim"), name("culprit"))? == 0 {
            return Err(format!("{pair} is not in {:#}", recorded.report["sites"]).into());
        }
    }
    Ok(Completion::Completed)
}
