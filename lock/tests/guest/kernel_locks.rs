//! Waits for kernel locks, on kernels that tell of them.

use libtest_mimic::{Completion, Failed};
use serde_json::Value;

use crate::{
    Test,
    kernel::{self, WAITS},
    record::{self, number},
};

/// On a kernel that can be recorded.
pub(crate) const TRIALS: &[(&str, Test)] = &[(
    "a_kernel_mutex_agrees_with_the_workload",
    a_kernel_mutex_agrees_with_the_workload,
)];

fn a_kernel_mutex_agrees_with_the_workload() -> Result<Completion, Failed> {
    if kernel::version()? < WAITS {
        return Ok(Completion::ignored_with("old lock"));
    }
    let recorded = record::workload(&["--duration", "2"])?;
    let sites = recorded.report.pointer("/sites").and_then(Value::as_array);
    let site = sites
        .into_iter()
        .flatten()
        .find(|site| {
            site["type"] == "mutex"
                // Some kernels name it __fdget_pos.
                && site["caller"].as_str().is_some_and(|name| name.ends_with("fdget_pos"))
        })
        .ok_or_else(|| format!("no mutex in fdget_pos: {:#}", recorded.report))?;
    let count = number(site, "/count")?;
    let (waits, unsure) = (
        number(&recorded.truth, "/waits")?,
        number(&recorded.truth, "/unsure")?,
    );
    if waits == 0 || !(waits..=waits + unsure).contains(&count) {
        return Err(format!("{count} waits reported: {:#}", recorded.truth).into());
    }
    Ok(Completion::Completed)
}
