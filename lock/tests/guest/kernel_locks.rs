//! Waits for kernel locks, and what is said on kernels that do not tell of them.

use libtest_mimic::{Completion, Failed};

use crate::{
    Test,
    kernel::{RELEASES, Version, WAITS, too_old},
    record,
    report::array,
};

/// On a kernel that can be recorded.
pub(crate) const TRIALS: &[(&str, Test)] = &[
    ("kernel_mutex", || agrees("file-position")),
    ("kernel_rwsem", || agrees("mmap")),
    (
        "without_tracepoints_user_locks_and_a_sentence",
        without_tracepoints_user_locks_and_a_sentence,
    ),
    (
        "releases_are_recorded_where_the_kernel_tells_of_them",
        releases_are_recorded_where_the_kernel_tells_of_them,
    ),
];

fn agrees(scenario: &str) -> Result<Completion, Failed> {
    if let Some(ignored) = too_old(WAITS)? {
        return Ok(ignored);
    }
    record::workload(scenario)?.agrees()?;
    Ok(Completion::Completed)
}

fn without_tracepoints_user_locks_and_a_sentence() -> Result<Completion, Failed> {
    let recorded = record::workload("pthread-mutex")?;
    let told = array(&recorded.report, "/notes")?.iter().any(|note| {
        let note = note.as_str().unwrap_or_default();
        note.starts_with("Only user locks are recorded: this kernel")
    });
    let expected = Version::running()? < WAITS;
    if told != expected {
        return Err(format!("notes: {:#}", recorded.report["notes"]).into());
    }
    for hook in ["contention_begin", "contention_end"] {
        if recorded.has_hook(hook)? == expected {
            return Err(format!("{hook}: {:#}", recorded.report["hooks"]).into());
        }
    }
    recorded.agrees()?;
    Ok(Completion::Completed)
}

fn releases_are_recorded_where_the_kernel_tells_of_them() -> Result<Completion, Failed> {
    let recorded = record::workload("pthread-mutex")?;
    if recorded.has_hook("contended_release")? != (Version::running()? >= RELEASES) {
        return Err(format!("{:#}", recorded.report["hooks"]).into());
    }
    Ok(Completion::Completed)
}
