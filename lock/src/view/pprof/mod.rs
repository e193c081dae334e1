//! Profiles in pprof's format, gzipped, as `go tool pprof` and speedscope read them. The
//! two values are those of Go's own mutex profiles, `contentions` and `delay`; both are
//! estimates for all waits. Locks, threads and processes are labels of the samples:
//! `go tool pprof -tagleaf lock FILE` makes them frames.

mod message;
mod tables;

use std::{collections::HashMap, io::Write as _};

use ebpf_base::units::{plural, time};
use flate2::{Compression, write::GzEncoder};
use prost::Message as _;

use self::{
    message::{Label, Profile, Sample, ValueType},
    tables::PprofTables,
};
use crate::{
    error::{Error, Result},
    profile::{
        group::{Estimates, Filter},
        snapshot::{LockId, Snapshot, StackId, ThreadId},
    },
    view::{folded::Side, stack_text::lock_name},
};

/// The profile of one side, the same for the same snapshot.
pub(crate) fn profile(snapshot: &Snapshot, side: Side, filter: &Filter) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| {
        Error::new("gzip", "the profile could not be compressed").because_of(&error)
    };
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&message(snapshot, side, filter).encode_to_vec())
        .map_err(failed)?;
    gzip.finish().map_err(failed)
}

/// Whose stack, which, and what was waited for.
type Key = (Option<ThreadId>, Option<StackId>, LockId);

fn message(snapshot: &Snapshot, side: Side, filter: &Filter) -> Profile {
    let mut tables = PprofTables::new(snapshot);
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
    let estimates = Estimates::of(snapshot, filter);
    for (site, waits) in estimates.sites() {
        let (thread, stack) = match (side, site.holder) {
            (Side::Waiters, _) => (Some(site.thread), Some(site.stack)),
            (Side::Holders, Some(holder)) => (Some(holder.thread), holder.stack),
            (Side::Holders, None) => (None, None),
        };
        let key = (thread, stack, site.lock);
        let place = *places.entry(key).or_insert_with(|| {
            samples.push((key, 0, 0));
            samples.len() - 1
        });
        if let Some((_, count, wait_ns)) = samples.get_mut(place) {
            *count = count.saturating_add(waits.count);
            *wait_ns = wait_ns.saturating_add(waits.wait_ns);
        }
    }
    let mut sample: Vec<Sample> = samples
        .into_iter()
        .map(|((thread, stack, lock), count, wait_ns)| Sample {
            location_id: match (thread, stack) {
                (_, Some(stack)) => tables.stack(stack),
                (Some(_), None) => vec![tables.stand_in("(release not seen)")],
                (None, None) => vec![tables.stand_in("(unknown holder)")],
            },
            value: vec![signed(count), signed(wait_ns)],
            label: labels(snapshot, &mut tables, thread, lock),
        })
        .collect();
    sample.extend(estimates.not_sampled().map(|(lock, waits)| Sample {
        location_id: vec![tables.stand_in("(not sampled)")],
        value: vec![signed(waits.count), signed(waits.wait_ns)],
        label: labels(snapshot, &mut tables, None, lock),
    }));
    let comment = comments(snapshot, side, &estimates)
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
    tables: &mut PprofTables<'_>,
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

/// What a reader must know about the values.
fn comments(snapshot: &Snapshot, side: Side, estimates: &Estimates<'_>) -> Vec<String> {
    let metadata = &snapshot.metadata;
    let mut comments = vec![format!(
        "recorded by lock {} on kernel {}",
        metadata.lock_version, metadata.kernel
    )];
    comments.push(
        match side {
            Side::Waiters => "stacks of waiters",
            Side::Holders => {
                "release stacks of holders, weighted by the time that others waited for the lock"
            }
        }
        .to_owned(),
    );
    if !metadata.exact {
        let waits = estimates.total();
        comments.push(format!(
            "estimated from {}: {} ± {} of wait time (95 % confidence)",
            plural(waits.samples, "sampled wait"),
            time(waits.wait_ns),
            time(waits.wait_error_ns())
        ));
    }
    comments
}

/// A number as the format has it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, io::Read as _};

    use flate2::read::GzDecoder;
    use prost::Message as _;

    use super::{message::Profile, profile};
    use crate::{
        profile::{fixtures, group::Filter, snapshot::Snapshot},
        view::{folded::Side, hostile_fixtures},
    };

    fn decoded(snapshot: &Snapshot, side: Side, include_idle: bool) -> Profile {
        let filter = Filter {
            include_idle,
            ..Filter::default()
        };
        let bytes = profile(snapshot, side, &filter).unwrap();
        let mut message = Vec::new();
        GzDecoder::new(&bytes[..])
            .read_to_end(&mut message)
            .unwrap();
        Profile::decode(&message[..]).unwrap()
    }

    /// A profile as a text. Fails where an id leads nowhere.
    fn in_words(profile: &Profile) -> String {
        let text = |id: i64| &profile.string_table[usize::try_from(id).unwrap()];
        let mut words = format!(
            "begin {} ns, {} ns long, shown: {}\n",
            profile.time_nanos,
            profile.duration_nanos,
            text(profile.default_sample_type)
        );
        for comment in &profile.comment {
            writeln!(words, "# {}", text(*comment)).unwrap();
        }
        for mapping in &profile.mapping {
            let (start, limit) = (mapping.memory_start, mapping.memory_limit);
            writeln!(words, "{start:#x}..{limit:#x} {:?}", text(mapping.filename)).unwrap();
        }
        for sample in &profile.sample {
            assert_eq!(sample.value.len(), profile.sample_type.len());
            words.push('\n');
            for (value, value_type) in sample.value.iter().zip(&profile.sample_type) {
                let (name, unit) = (text(value_type.r#type), text(value_type.unit));
                writeln!(words, "{name} {value} {unit}").unwrap();
            }
            for label in &sample.label {
                let (key, str) = (text(label.key), text(label.str));
                writeln!(words, "  {key}: {str:?} {}", label.num).unwrap();
            }
            for id in &sample.location_id {
                let location = profile.location.iter().find(|l| l.id == *id).unwrap();
                let mapping = profile.mapping.iter().find(|m| m.id == location.mapping_id);
                let module = mapping.map(|mapping| text(mapping.filename));
                assert_eq!(mapping.is_none(), location.mapping_id == 0);
                writeln!(words, "  {:#x} in {module:?}", location.address).unwrap();
                for line in &location.line {
                    let mut functions = profile.function.iter();
                    let function = functions.find(|f| f.id == line.function_id).unwrap();
                    let (name, file) = (text(function.name), text(function.filename));
                    writeln!(words, "    {name:?} {file:?}:{}", line.line).unwrap();
                }
            }
        }
        words
    }

    #[test]
    fn both_sides() {
        let snapshot = fixtures::snapshot();
        let waiters = decoded(&snapshot, Side::Waiters, false);
        insta::assert_snapshot!("waiters", in_words(&waiters));
        let holders = decoded(&snapshot, Side::Holders, false);
        insta::assert_snapshot!("holders", in_words(&holders));
    }

    #[test]
    fn values_come_to_those_of_the_recording() {
        let snapshot = fixtures::snapshot();
        let locks = || snapshot.locks.iter().map(|lock| lock.ranked());
        let count: u64 = locks().map(|waits| waits.count).sum();
        let wait_ns: u64 = locks().map(|waits| waits.total_ns).sum();
        // Each site is rounded.
        let rounded = snapshot.sites.len() as u64;
        for side in [Side::Waiters, Side::Holders] {
            let profile = decoded(&snapshot, side, true);
            let sum = |place: usize| -> i64 { profile.sample.iter().map(|s| s.value[place]).sum() };
            for (place, counted) in [(0, count), (1, wait_ns)] {
                let apart = sum(place).cast_unsigned().abs_diff(counted);
                assert!(apart <= rounded, "{side:?}: {} of {counted}", sum(place));
            }
        }
    }

    #[test]
    fn speedscope_shows_the_delay() {
        let profile = decoded(&fixtures::snapshot(), Side::Waiters, false);
        assert_eq!(profile.string_table[0], "");
        // It has the index of a text for that of a type, and takes the last one for one
        // that is too large.
        let types = profile.sample_type.len();
        let chosen = usize::try_from(profile.default_sample_type)
            .unwrap()
            .min(types - 1);
        assert_eq!(
            profile.sample_type[chosen].r#type,
            profile.default_sample_type
        );
        // It leaves out locations without a function.
        for location in &profile.location {
            assert!(location.line.iter().all(|line| line.function_id > 0));
            assert!(!location.line.is_empty());
        }
    }

    #[test]
    fn addresses_are_within_their_mappings_and_forged_ids_lead_somewhere() {
        for snapshot in [hostile_fixtures::hostile(), hostile_fixtures::forged()] {
            for side in [Side::Waiters, Side::Holders] {
                let profile = decoded(&snapshot, side, true);
                assert!(!in_words(&profile).is_empty());
                for location in &profile.location {
                    for mapping in profile
                        .mapping
                        .iter()
                        .filter(|m| m.id == location.mapping_id)
                    {
                        assert!(mapping.memory_start <= location.address);
                        assert!(location.address <= mapping.memory_limit);
                    }
                }
            }
        }
    }

    #[test]
    #[ignore = "needs the command go: cargo test -p lockprof --lib -- --ignored go_tool"]
    fn go_tool_pprof_ranks_by_delay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("waiters.pb.gz");
        let bytes = profile(&fixtures::snapshot(), Side::Waiters, &Filter::default()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let output = std::process::Command::new("go")
            .args(["tool", "pprof", "-top"])
            .arg(&path)
            .env("PPROF_TMPDIR", directory.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for part in ["File: server\n", "Type: delay\n", "of 630.76ms total\n"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let first = text
            .lines()
            .skip_while(|line| !line.contains("flat%"))
            .nth(1);
        assert!(
            first.is_some_and(|line| line.ends_with(" fdget_pos")),
            "{text}"
        );
    }

    #[test]
    fn bytes_are_the_same_twice() {
        let snapshot = fixtures::snapshot();
        let bytes = || profile(&snapshot, Side::Waiters, &Filter::default()).unwrap();
        assert_eq!(bytes(), bytes());
    }
}
