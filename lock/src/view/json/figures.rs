//! Numbers of the document.

use lock_common::bucket_floor;
use serde::Serialize;

use crate::profile::{
    figures::Figures,
    group,
    snapshot::{Estimate, Waits},
};

/// What the waits of a row come to. What samples do not tell is null.
#[derive(Serialize)]
pub(super) struct Numbers {
    exact: bool,
    count: u64,
    count_error: u64,
    total_ns: u64,
    total_error_ns: u64,
    mean_ns: u64,
    min_ns: Option<u64>,
    p50_ns: Option<u64>,
    p90_ns: Option<u64>,
    p99_ns: Option<u64>,
    max_ns: u64,
    pieces: Option<u64>,
    spin_ns: Option<u64>,
    runqueue_ns: Option<u64>,
}

impl From<&Figures> for Numbers {
    fn from(figures: &Figures) -> Self {
        Self {
            exact: figures.is_exact(),
            count: figures.count(),
            count_error: figures.count_error(),
            total_ns: figures.total_ns(),
            total_error_ns: figures.error_ns(),
            mean_ns: figures.mean_ns(),
            min_ns: figures.min_ns(),
            p50_ns: figures.percentile(0.5),
            p90_ns: figures.percentile(0.9),
            p99_ns: figures.percentile(0.99),
            max_ns: figures.max_ns(),
            pieces: figures.waits().map(|waits| waits.pieces),
            spin_ns: figures.waits().map(|waits| waits.spin_ns),
            runqueue_ns: figures.waits().map(|waits| waits.runqueue_ns),
        }
    }
}

/// What the waits for a lock come to, all of them counted.
#[derive(Serialize)]
pub(super) struct Counted {
    #[serde(flatten)]
    numbers: Numbers,
    timed_out: u64,
    interrupted: u64,
    not_acquired: u64,
    not_acquired_ns: u64,
    histogram: Vec<Bucket>,
}

#[derive(Serialize)]
struct Bucket {
    from_ns: u64,
    count: u64,
}

impl From<&Waits> for Counted {
    fn from(waits: &Waits) -> Self {
        let buckets = waits.histogram.0.iter();
        Self {
            numbers: Numbers::from(&Figures::Exact(waits.clone())),
            timed_out: waits.timed_out,
            interrupted: waits.interrupted,
            not_acquired: waits.not_acquired,
            not_acquired_ns: waits.not_acquired_ns,
            histogram: buckets
                .map(|(&bucket, &count)| Bucket {
                    from_ns: bucket_floor(bucket.into()),
                    count,
                })
                .collect(),
        }
    }
}

/// What sampled waits stand for.
#[derive(Serialize)]
pub(super) struct Sampled {
    samples: u64,
    count: u64,
    count_error: u64,
    total_ns: u64,
    total_error_ns: u64,
    max_ns: u64,
}

impl From<&Estimate> for Sampled {
    fn from(estimate: &Estimate) -> Self {
        Self {
            samples: estimate.samples,
            count: estimate.count,
            count_error: estimate.count_error(),
            total_ns: estimate.wait_ns,
            total_error_ns: estimate.wait_error_ns(),
            max_ns: estimate.max_ns,
        }
    }
}

/// Waits for locks of a type that ended without the lock.
#[derive(Serialize)]
pub(super) struct Failed {
    #[serde(rename = "type")]
    lock_type: String,
    timed_out: u64,
    interrupted: u64,
    not_acquired: u64,
    not_acquired_ns: u64,
}

impl From<&group::Failed> for Failed {
    fn from(failed: &group::Failed) -> Self {
        Self {
            lock_type: failed.lock_type.to_string(),
            timed_out: failed.timed_out,
            interrupted: failed.interrupted,
            not_acquired: failed.unknown,
            not_acquired_ns: failed.total_ns,
        }
    }
}
