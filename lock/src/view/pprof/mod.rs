//! Profiles in pprof's format, gzipped, as `go tool pprof` and speedscope read them. The
//! two values are those of Go's own mutex profiles, `contentions` and `delay`; both are
//! estimates for all waits. Locks, threads and processes are labels of the samples:
//! `go tool pprof -tagleaf lock FILE` makes them frames.

mod message;
mod tables;

use std::{collections::HashMap, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use prost::Message as _;

use self::{
    message::{Label, Profile, Sample, ValueType},
    tables::Tables,
};
use crate::{
    error::{Error, Result},
    profile::snapshot::{LockId, Snapshot, StackId, ThreadId},
    view::{folded::Side, stack_text::lock_name},
};

/// The profile of one side, the same for the same snapshot.
pub(crate) fn profile(snapshot: &Snapshot, side: Side, include_idle: bool) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| {
        Error::new("gzip", "the profile could not be compressed").because_of(&error)
    };
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&message(snapshot, side, include_idle).encode_to_vec())
        .map_err(failed)?;
    gzip.finish().map_err(failed)
}

/// Whose stack, which, and what was waited for.
type Key = (Option<ThreadId>, Option<StackId>, LockId);

fn message(snapshot: &Snapshot, side: Side, include_idle: bool) -> Profile {
    let mut tables = Tables::new(snapshot);
    // Readers give a type by its text's index. Speedscope takes that for the type's own,
    // and the last one for one beyond: the types must have the first texts.
    let contentions = ValueType {
        r#type: tables.text("contentions"),
        unit: tables.text("count"),
    };
    let delay = ValueType {
        r#type: tables.text("delay"),
        unit: tables.text("nanoseconds"),
    };

    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut samples: Vec<(Key, u64, u64)> = Vec::new();
    for site in &snapshot.sites {
        let lock = snapshot.locks.get(site.lock.index());
        if !include_idle && lock.is_some_and(|lock| lock.lock_type.is_idle()) {
            continue;
        }
        let (thread, stack) = match (side, site.holder) {
            (Side::Victims, _) => (Some(site.thread), Some(site.stack)),
            (Side::Culprits, Some(holder)) => (Some(holder.thread), holder.stack),
            (Side::Culprits, None) => (None, None),
        };
        let key = (thread, stack, site.lock);
        let place = *places.entry(key).or_insert_with(|| {
            samples.push((key, 0, 0));
            samples.len() - 1
        });
        if let Some((_, count, wait_ns)) = samples.get_mut(place) {
            *count = count.saturating_add(site.waits.count);
            *wait_ns = wait_ns.saturating_add(site.waits.wait_ns);
        }
    }
    let sample = samples
        .into_iter()
        .map(|((thread, stack, lock), count, wait_ns)| Sample {
            location_id: match (thread, stack) {
                (_, Some(stack)) => tables.stack(stack),
                (Some(_), None) => vec![tables.stand_in("(release not seen)")],
                (None, None) => vec![tables.stand_in("(holder not known)")],
            },
            value: vec![signed(count), signed(wait_ns)],
            label: labels(snapshot, &mut tables, thread, lock),
        })
        .collect();
    let comment = comments(snapshot, side)
        .iter()
        .map(|comment| tables.text(comment))
        .collect();
    let (mapping, location, function, string_table) = tables.finish();
    Profile {
        sample_type: vec![contentions, delay],
        sample,
        mapping,
        location,
        function,
        string_table,
        time_nanos: signed(snapshot.started_unix_ms.saturating_mul(1_000_000)),
        duration_nanos: signed(snapshot.duration_ns),
        period_type: Some(contentions),
        period: 1,
        comment,
        default_sample_type: delay.r#type,
    }
}

/// What is known of a sample besides its stack.
fn labels(
    snapshot: &Snapshot,
    tables: &mut Tables<'_>,
    thread: Option<ThreadId>,
    lock: LockId,
) -> Vec<Label> {
    let mut labels = Vec::new();
    if let Some(lock) = snapshot.locks.get(lock.index()) {
        labels.push(tables.text_label("lock", &lock_name(lock)));
        labels.push(tables.text_label("type", &lock.lock_type.to_string()));
    }
    if let Some(thread) = thread.and_then(|id| snapshot.threads.get(id.index())) {
        labels.push(tables.text_label("thread", &thread.comm));
        labels.push(tables.number_label("tid", thread.tid));
        if let Some(process) = snapshot.processes.get(thread.process.index()) {
            labels.push(tables.text_label("process", &process.comm));
            labels.push(tables.number_label("pid", process.pid));
        }
    }
    labels
}

/// What a reader must know about the figures.
fn comments(snapshot: &Snapshot, side: Side) -> Vec<String> {
    let about = &snapshot.about;
    let mut comments = vec![format!(
        "recorded by lock {} on kernel {}",
        about.lock_version, about.kernel
    )];
    comments.push(
        match side {
            Side::Victims => "stacks of those that waited",
            Side::Culprits => "stacks of those that released, with what others waited for them",
        }
        .to_owned(),
    );
    if !about.exact {
        comments.push("counts and delays are estimated from sampled waits".to_owned());
    }
    comments
}

/// A number as the format has it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
