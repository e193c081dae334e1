//! What fuzz targets give their inputs to: a recording is made by others, and whatever is in
//! it, every command that reads one ends in a report or a clear error. See docs/fuzzing.md.

use std::{io::Cursor, path::Path, sync::OnceLock};

use serde_json::Value;

use crate::{
    profile::{
        diff::{self, Series, diff},
        group::{By, Filter, group, group_sites},
        merge::Merger,
        metrics::Sort,
        snapshot::Snapshot,
    },
    recording::{Recording, v1},
    symbol,
    view::{self, Format, Options, folded::Side},
};

/// An interval in which there is something of everything.
const EVERYTHING: &str = include_str!("everything.json");

/// Next to the limits of what fields hold, and what leads nowhere as an index.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    3,
    7,
    63,
    64,
    255,
    256,
    1000,
    0x7fff_ffff,
    0xffff_fffe,
    0xffff_ffff,
    1 << 53,
    i64::MAX as u64,
    u64::MAX,
];

/// What could break out of a report.
const TEXTS: [&str; 8] = [
    "",
    "\u{1b}[2J\u{7}",
    "a;b 7\nc",
    "<script>&\"'",
    "=1+1,\"\r\n",
    "\u{202e}\u{200b}\u{1f600}",
    "[kernel]",
    "a name that is so long that it does not fit into any column of any terminal at all",
];

/// A recording, whatever it holds: as a file, as lines of JSON that are an interval each, or
/// else as changes to an interval that has everything. The last two reach what is behind
/// gzip's checksum and JSON's grammar.
///
/// Its bytes choose one of the reports as well: all would take a hundred times as long.
#[doc(hidden)]
pub fn recording(data: &[u8]) {
    // FNV-1a, for a choice that each byte has a part in.
    let sum = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    run(data, sum >> 16);
}

/// Unwind information of a program of others, as a recording evaluates it.
#[doc(hidden)]
pub fn unwinding(data: &[u8]) {
    symbol::fuzzing::unwinding(data);
}

/// The perf map of a process of others.
#[doc(hidden)]
pub fn perf_map(data: &[u8]) {
    symbol::fuzzing::perf_map(data);
}

/// A file with code of others, as a recording reads it.
#[doc(hidden)]
pub fn code_file(data: &[u8]) {
    symbol::fuzzing::code_file(data);
}

/// How a file of others names its separate debug file.
#[doc(hidden)]
pub fn debug_link(data: &[u8]) {
    symbol::fuzzing::debug_link(data);
}

/// The answer of a process that reads files of others.
#[doc(hidden)]
pub fn reader_answer(data: &[u8]) {
    symbol::fuzzing::reader_answer(data);
}

fn run(data: &[u8], choice: u64) {
    match data {
        [0x1f, 0x8b, ..] => file(data, choice),
        [b'{', ..] => {
            let lines = data.split(|&byte| byte == b'\n');
            let intervals =
                lines.map_while(|line| serde_json::from_slice::<v1::Interval>(line).ok());
            report(&intervals.map(Snapshot::from).collect::<Vec<_>>(), choice);
        }
        _ => {
            if let Some(interval) = changed(data) {
                report(&[interval, everything().1.clone()], choice);
            }
        }
    }
}

fn file(data: &[u8], choice: u64) {
    let Ok(mut recording) = Recording::read(Cursor::new(data), Path::new("FILE")) else {
        return;
    };
    let intervals: Vec<_> = recording.by_ref().collect();
    let whole = recording.end().is_some();
    assert_eq!(whole, recording.notes().next().is_none(), "a silent break");
    report(&intervals, choice);
}

/// The interval with everything.
fn everything() -> &'static (Value, Snapshot) {
    static PARSED: OnceLock<(Value, Snapshot)> = OnceLock::new();
    PARSED.get_or_init(|| {
        let value = serde_json::from_str(EVERYTHING).unwrap_or_default();
        let interval: v1::Interval = serde_json::from_str(EVERYTHING).unwrap_or_default();
        (value, interval.into())
    })
}

/// The interval with everything, changed: of each three bytes, two say which number or
/// text, one what it becomes. None if that is no interval.
fn changed(data: &[u8]) -> Option<Snapshot> {
    let mut interval = everything().0.clone();
    let mut places = Vec::new();
    leaves(&mut interval, &mut places);
    for change in data.chunks_exact(3) {
        let &[low, high, what] = change else {
            continue;
        };
        let at = usize::from(u16::from_le_bytes([low, high]));
        let at = at.checked_rem(places.len())?;
        let what = usize::from(what);
        match places.get_mut(at)? {
            Value::String(text) => (*TEXTS.get(what % TEXTS.len())?).clone_into(text),
            number => **number = (*NUMBERS.get(what % NUMBERS.len())?).into(),
        }
    }
    let interval: v1::Interval = serde_json::from_value(interval).ok()?;
    Some(interval.into())
}

/// All numbers and texts.
fn leaves<'a>(value: &'a mut Value, places: &mut Vec<&'a mut Value>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| leaves(value, places)),
        Value::Object(fields) => fields.values_mut().for_each(|value| leaves(value, places)),
        Value::String(_) | Value::Number(_) => places.push(value),
        Value::Null | Value::Bool(_) => {}
    }
}

/// One of what is made of a recording.
fn report(intervals: &[Snapshot], choice: u64) {
    let mut merger = Merger::default();
    for interval in intervals {
        merger.add(interval);
    }
    let mut choices = Choices(choice);
    match choices.of(&[0, 1, 2, 3]) {
        0 => compare(intervals, &mut choices),
        // A live view groups what was not merged.
        1 => {
            if let Some(interval) = intervals.first() {
                view(interval, &mut choices);
            }
        }
        _ => view(merger.snapshot(), &mut choices),
    }
}

/// A number, as a sequence of choices.
struct Choices(u64);

impl Choices {
    fn of<T: Copy + Default>(&mut self, values: &[T]) -> T {
        let count = values.len().max(1) as u64;
        let chosen = self.0 % count;
        self.0 /= count;
        values.get(chosen as usize).copied().unwrap_or_default()
    }
}

fn view(snapshot: &Snapshot, choices: &mut Choices) {
    let options = Options {
        format: choices.of(&Format::ALL),
        by: choices.of(&By::ALL),
        sort: choices.of(&Sort::ALL),
        limit: None,
        filter: Filter {
            include_idle: choices.of(&[false, true]),
            stack: choices.of(&[None, Some("e")]).map(str::to_owned),
            ..Filter::default()
        },
        side: choices.of(&Side::ALL),
        color: false,
    };
    let columns = choices.of(&[None, Some(80), Some(20)]);
    // An error is as good as a report.
    let report = view::render(snapshot, &options, columns).unwrap_or_default();
    match options.format {
        Format::Human | Format::Csv | Format::Folded => {
            fit_for_people(&String::from_utf8_lossy(&report));
        }
        Format::Json | Format::Svg | Format::Pprof | Format::Chrome => {}
    }
    let filter = Filter::default();
    for row in group(snapshot, options.by, &filter).rows.iter().take(2) {
        group_sites(snapshot, By::Stack, &filter, &row.sites);
        group_sites(snapshot, By::Holder, &filter, &row.sites);
    }
}

fn compare(intervals: &[Snapshot], choices: &mut Choices) {
    let names = ["before".to_owned(), "after".to_owned()];
    let by = choices.of(&diff::By::ALL);
    let mut sides = [0, 1].map(|_| Series::new(by, Filter::default()));
    for _ in 0..5 {
        for (number, interval) in intervals.iter().enumerate() {
            if let Some(side) = sides.get_mut(number % 2) {
                side.add(interval);
            }
        }
    }
    let [before, after] = &sides;
    let diff = diff(before, after);
    diff.is_worse_by(1.0);
    let columns = choices.of(&[None, Some(40)]);
    fit_for_people(&view::diff::table(&diff, &names, columns, false));
    fit_for_people(&view::diff::csv(&diff));
    let _ = view::diff::json(&diff, &names);
}

/// No text of others steers a terminal.
fn fit_for_people(text: &str) {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    assert!(!text.contains(steers), "{text:?}");
}

#[cfg(test)]
mod tests;
