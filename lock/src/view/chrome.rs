//! A timeline of the longest waits, in Chrome's trace event format as JSON, which Perfetto
//! opens, too (<https://ui.perfetto.dev>).
//!
//! A wait is a slice of its thread. Where its holder is known, the holder's thread has a
//! slice of one nanosecond when the wait ends, and an arrow leads from it to the wait.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    error::{Error, Result},
    profile::{
        group::Filter,
        snapshot::{Holder, SampledWait, Snapshot, StackId, ThreadId},
    },
    view::stack_text::{lock_line, lock_name, outermost_first},
};

/// The whole file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace<'a> {
    trace_events: Vec<Event>,
    display_time_unit: &'static str,
    other_data: About<'a>,
}

/// What the viewers show as facts about the file.
#[derive(Debug, Serialize)]
struct About<'a> {
    recorded_by: String,
    kernel: &'a str,
    started_unix_ms: u64,
}

/// One event. Times are in microseconds since the begin of the recording.
#[derive(Debug, Serialize)]
struct Event {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    ph: Phase,
    pid: u32,
    tid: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// `e`: the arrow ends at the slice that is around it, not at the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    bp: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Arguments>,
    /// In nanoseconds: the order.
    #[serde(skip)]
    at: u64,
    /// In nanoseconds: of two that begin at once, the longer one is around the other.
    #[serde(skip)]
    length: u64,
}

/// What an event is, by the letters of the format.
#[derive(Debug, Clone, Copy, Serialize)]
enum Phase {
    #[serde(rename = "M")]
    Metadata,
    #[serde(rename = "X")]
    Slice,
    #[serde(rename = "s")]
    ArrowStart,
    #[serde(rename = "f")]
    ArrowEnd,
}

/// What a click on an event shows.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Arguments {
    Name {
        name: String,
    },
    Wait {
        lock: String,
        r#type: String,
        holder: String,
        /// The innermost line first.
        stack: Vec<String>,
    },
    Release {
        /// The innermost line first.
        stack: Vec<String>,
    },
}

/// The timeline as a JSON document.
pub(crate) fn trace(snapshot: &Snapshot, filter: &Filter) -> Result<Vec<u8>> {
    let mut slices = Vec::new();
    let mut threads = BTreeSet::new();
    for (id, interval) in (1_u64..).zip(&snapshot.longest) {
        if !passes(filter, snapshot, interval) {
            continue;
        }
        threads.insert(interval.thread);
        slices.push(wait(snapshot, interval));
        if let Some(holder) = interval.holder
            && holder.thread != interval.thread
        {
            threads.insert(holder.thread);
            slices.extend(release(snapshot, interval, holder, id));
        }
    }
    // Stable: an arrow's start stays between the slice that it starts at and its end.
    slices.sort_by_key(|event| (event.at, std::cmp::Reverse(event.length)));

    let mut trace_events = names(snapshot, &threads);
    trace_events.append(&mut slices);
    let trace = Trace {
        trace_events,
        display_time_unit: "ns",
        other_data: About {
            recorded_by: format!("lock {}", snapshot.metadata.lock_version),
            kernel: &snapshot.metadata.kernel,
            started_unix_ms: snapshot.started_unix_ms,
        },
    };
    let mut json = serde_json::to_vec(&trace).map_err(|error| {
        Error::new("json", "the timeline could not be written as JSON").because_of(&error)
    })?;
    json.push(b'\n');
    Ok(json)
}

/// Whether a filter lets a wait through.
fn passes(filter: &Filter, snapshot: &Snapshot, interval: &SampledWait) -> bool {
    let lock = snapshot.locks.get(interval.lock.index());
    lock.is_some_and(|lock| filter.matches_type(lock.lock_type))
        && filter
            .stack
            .as_ref()
            .is_none_or(|text| snapshot.stack_contains(interval.stack, text))
}

/// A wait, as a slice of its thread.
fn wait(snapshot: &Snapshot, interval: &SampledWait) -> Event {
    let lock = snapshot.locks.get(interval.lock.index());
    let holder = match interval.holder {
        Some(holder) => snapshot.thread_name(holder.thread),
        None => "unknown".to_owned(),
    };
    Event {
        args: Some(Arguments::Wait {
            lock: lock.map_or_else(String::new, |lock| lock_name(lock).into_owned()),
            r#type: lock.map_or_else(String::new, |lock| lock.lock_type.to_string()),
            holder,
            stack: innermost_first(snapshot, interval.stack),
        }),
        ..slice(
            snapshot,
            interval.thread,
            lock_line(snapshot, interval.lock),
            interval.start_ns.saturating_sub(snapshot.started_ns),
            interval.wait_ns,
        )
    }
}

/// The end of a wait, as seen from the one that had the lock: a slice, and an arrow from
/// it to the wait. All within the wait's last nanosecond: an arrow that ends where a slice
/// does would miss it.
fn release(snapshot: &Snapshot, interval: &SampledWait, holder: Holder, id: u64) -> [Event; 3] {
    let at = interval
        .start_ns
        .saturating_sub(snapshot.started_ns)
        .saturating_add(interval.wait_ns.saturating_sub(1));
    let lock = lock_line(snapshot, interval.lock);
    let arrow = |phase, thread, bp| {
        let (pid, tid) = numbers(snapshot, thread);
        Event {
            ph: phase,
            pid,
            tid,
            dur: None,
            id: Some(id),
            bp,
            length: 0,
            ..slice(snapshot, thread, "held by".to_owned(), at, 0)
        }
    };
    [
        Event {
            args: holder.stack.map(|stack| Arguments::Release {
                stack: innermost_first(snapshot, stack),
            }),
            ..slice(snapshot, holder.thread, format!("releases {lock}"), at, 1)
        },
        arrow(Phase::ArrowStart, holder.thread, None),
        arrow(Phase::ArrowEnd, interval.thread, Some("e")),
    ]
}

/// A slice of a thread, without arguments.
fn slice(snapshot: &Snapshot, thread: ThreadId, name: String, at: u64, length: u64) -> Event {
    let (pid, tid) = numbers(snapshot, thread);
    Event {
        name,
        cat: Some("lock"),
        ph: Phase::Slice,
        pid,
        tid,
        ts: Some(microseconds(at)),
        dur: Some(microseconds(length)),
        id: None,
        bp: None,
        args: None,
        at,
        length,
    }
}

/// Events that name the threads and their processes.
fn names(snapshot: &Snapshot, threads: &BTreeSet<ThreadId>) -> Vec<Event> {
    let name = |name: &str, pid, tid, value: &str| Event {
        name: name.to_owned(),
        cat: None,
        ph: Phase::Metadata,
        pid,
        tid,
        ts: None,
        dur: None,
        id: None,
        bp: None,
        args: Some(Arguments::Name {
            name: value.to_owned(),
        }),
        at: 0,
        length: 0,
    };
    let mut processes = BTreeSet::new();
    let mut events = Vec::new();
    for &id in threads {
        let Some(thread) = snapshot.threads.get(id.index()) else {
            continue;
        };
        let (pid, tid) = numbers(snapshot, id);
        if let Some(process) = snapshot.processes.get(thread.process.index())
            && processes.insert(thread.process)
        {
            events.push(name("process_name", pid, tid, &process.comm));
        }
        events.push(name("thread_name", pid, tid, &thread.comm));
    }
    events
}

/// The numbers of a thread's process and its own; zero if they are not known.
fn numbers(snapshot: &Snapshot, thread: ThreadId) -> (u32, u32) {
    let Some(thread) = snapshot.threads.get(thread.index()) else {
        return (0, 0);
    };
    let process = snapshot.processes.get(thread.process.index());
    (process.map_or(0, |process| process.pid), thread.tid)
}

fn innermost_first(snapshot: &Snapshot, stack: StackId) -> Vec<String> {
    outermost_first(snapshot, stack)
        .into_iter()
        .rev()
        .map(|line| line.text.into_owned())
        .collect()
}

/// The format's unit. To the nanosecond in recordings of up to a hundred days.
fn microseconds(ns: u64) -> f64 {
    ns as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::trace;
    use crate::{
        profile::{fixtures, group::Filter, snapshot::Snapshot},
        view::hostile_fixtures,
    };

    fn events(snapshot: &Snapshot) -> Vec<Value> {
        let everything = Filter {
            include_idle: true,
            ..Filter::default()
        };
        let json = trace(snapshot, &everything).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        json["traceEvents"].as_array().unwrap().clone()
    }

    #[test]
    fn the_document() {
        let json = trace(&fixtures::snapshot(), &Filter::default()).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
    }

    #[test]
    fn events_are_in_order_and_each_arrow_is_whole() {
        let snapshot = fixtures::snapshot();
        let events = events(&snapshot);
        let times: Vec<f64> = events.iter().filter_map(|e| e["ts"].as_f64()).collect();
        assert!(times.is_sorted());
        let of = |phase| events.iter().filter(move |event| event["ph"] == phase);
        assert_eq!(
            of("X").filter(|e| e["args"]["holder"].is_string()).count(),
            snapshot.longest.len()
        );
        assert_eq!(of("s").count(), 2);
        for (start, end) in of("s").zip(of("f")) {
            assert_eq!(start["id"], end["id"]);
            assert_eq!(end["bp"], "e");
            // The end is within a wait of its thread, where viewers look for it.
            let at = end["ts"].as_f64().unwrap();
            assert!(of("X").any(|wait| {
                let begin = wait["ts"].as_f64().unwrap();
                wait["tid"] == end["tid"]
                    && begin <= at
                    && at < begin + wait["dur"].as_f64().unwrap()
            }));
        }
    }

    #[test]
    fn forged_recordings_have_a_timeline_too() {
        for event in events(&hostile_fixtures::forged()) {
            assert!(event["ph"] == "M" || event["ts"].is_number(), "{event}");
            assert!(event["pid"].is_u64() && event["tid"].is_u64());
        }
    }
}
