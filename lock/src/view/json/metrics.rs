//! Numbers of the document.

use lock_common::bucket_floor;
use serde::Serialize;

use crate::profile::{
    group,
    metrics::Metrics,
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

impl From<&Metrics> for Numbers {
    fn from(metrics: &Metrics) -> Self {
        Self {
            exact: metrics.is_exact(),
            count: metrics.count(),
            count_error: metrics.count_error(),
            total_ns: metrics.total_ns(),
            total_error_ns: metrics.error_ns(),
            mean_ns: metrics.mean_ns(),
            min_ns: metrics.min_ns(),
            p50_ns: metrics.percentile(0.5),
            p90_ns: metrics.percentile(0.9),
            p99_ns: metrics.percentile(0.99),
            max_ns: metrics.max_ns(),
            pieces: metrics.waits().map(|waits| waits.pieces),
            spin_ns: metrics.waits().map(|waits| waits.spin_ns),
            runqueue_ns: metrics.waits().map(|waits| waits.runqueue_ns),
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
            numbers: Numbers::from(&Metrics::Exact(waits.clone())),
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
