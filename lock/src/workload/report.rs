//! What a workload did, for readers.

use serde::Serialize;

use crate::{view::units::time, workload::shared_position::Truth};

/// The JSON document. Times are in nanoseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    schema: u32,
    r#type: &'static str,
    caller: &'static str,
    rounds: u64,
    waits: u64,
    total_ns: u64,
    average_ns: u64,
    max_ns: u64,
    too_late: u64,
    unsure: u64,
}

impl From<&Truth> for Document {
    fn from(truth: &Truth) -> Self {
        let Truth {
            rounds,
            waits,
            total_ns,
            max_ns,
            too_late,
            unsure,
        } = *truth;
        Self {
            schema: 1,
            r#type: "mutex",
            caller: "fdget_pos",
            rounds,
            waits,
            total_ns,
            average_ns: total_ns.checked_div(waits).unwrap_or(0),
            max_ns,
            too_late,
            unsure,
        }
    }
}

/// The same in words.
pub(crate) fn human(truth: &Truth) -> String {
    let Truth {
        rounds,
        waits,
        total_ns,
        max_ns,
        too_late,
        unsure,
    } = *truth;
    let average = time(total_ns.checked_div(waits).unwrap_or(0));
    let total = time(total_ns);
    let max = time(max_ns);
    format!(
        "The workload waited {waits} times for one mutex (of a file position, in fdget_pos): \
         {total} in all, {average} on average, {max} at most.\n\
         In {rounds} rounds, {too_late} calls came too late to wait, and {unsure} may or may \
         not have waited.\n"
    )
}
