//! What fuzz targets give their inputs to: a recording is made by others, and whatever is in
//! it, every command that reads one ends in a report or a clear error. See docs/fuzzing.md.

use std::{io::Cursor, path::Path, sync::OnceLock};

use clap::ValueEnum as _;
use serde_json::Value;

use crate::{
    cli::report::{Format, ReportOptions},
    profile::{
        diff::{self, Series, diff},
        figures::Sort,
        group::{By, Filter, group, group_sites},
        merge::Merger,
        snapshot::Snapshot,
    },
    recording::Recording,
    view,
};

/// An interval in which there is something of everything.
const EVERYTHING: &str = include_str!("fuzzing/everything.json");

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
#[doc(hidden)]
pub fn recording(data: &[u8]) {
    match data {
        [0x1f, 0x8b, ..] => file(data),
        [b'{', ..] => {
            let lines = data.split(|&byte| byte == b'\n');
            let intervals = lines.map_while(|line| serde_json::from_slice(line).ok());
            report(&intervals.collect::<Vec<_>>());
        }
        _ => {
            let interval = changed(data);
            let everything = serde_json::from_str(EVERYTHING);
            if let (Some(interval), Ok(everything)) = (interval, everything) {
                report(&[interval.clone(), everything, interval]);
            }
        }
    }
}

fn file(data: &[u8]) {
    let Ok(mut recording) = Recording::read(Cursor::new(data), Path::new("FILE")) else {
        return;
    };
    let intervals: Vec<_> = recording.by_ref().collect();
    let whole = recording.end().is_some();
    assert_eq!(whole, recording.notes().next().is_none(), "a silent break");
    report(&intervals);
}

/// The interval with everything, changed: of each three bytes, two say which number or
/// text, one what it becomes. None if that is no interval.
fn changed(data: &[u8]) -> Option<Snapshot> {
    static TEMPLATE: OnceLock<Value> = OnceLock::new();
    let template = TEMPLATE.get_or_init(|| serde_json::from_str(EVERYTHING).unwrap_or_default());
    let mut interval = template.clone();
    let leaves = count_leaves(template);
    for change in data.chunks_exact(3) {
        let &[low, high, what] = change else {
            continue;
        };
        let at = usize::from(u16::from_le_bytes([low, high]));
        let mut left = at.checked_rem(leaves)?;
        let what = usize::from(what);
        match leaf(&mut interval, &mut left)? {
            Value::String(text) => (*TEXTS.get(what % TEXTS.len())?).clone_into(text),
            number => *number = (*NUMBERS.get(what % NUMBERS.len())?).into(),
        }
    }
    serde_json::from_value(interval).ok()
}

fn count_leaves(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(count_leaves).sum(),
        Value::Object(fields) => fields.values().map(count_leaves).sum(),
        Value::String(_) | Value::Number(_) => 1,
        Value::Null | Value::Bool(_) => 0,
    }
}

/// The number or text before which there are so many.
fn leaf<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    match value {
        Value::Array(values) => values.iter_mut().find_map(|value| leaf(value, left)),
        Value::Object(fields) => fields.values_mut().find_map(|value| leaf(value, left)),
        Value::String(_) | Value::Number(_) if *left == 0 => Some(value),
        Value::String(_) | Value::Number(_) => {
            *left -= 1;
            None
        }
        Value::Null | Value::Bool(_) => None,
    }
}

/// Everything that is made of a recording.
fn report(intervals: &[Snapshot]) {
    let mut merger = Merger::default();
    for interval in intervals {
        merger.add(interval);
        views(interval);
    }
    views(merger.snapshot());
    compare(intervals);
}

fn views(snapshot: &Snapshot) {
    for all in [false, true] {
        for &format in Format::value_variants() {
            for &by in By::value_variants() {
                let sort = Sort::value_variants();
                let options = ReportOptions {
                    by,
                    sort: sort
                        .get(by as usize % sort.len())
                        .copied()
                        .unwrap_or_default(),
                    format,
                    idle: all,
                    culprits: all,
                    stack: all.then(|| "e".to_owned()),
                    ..ReportOptions::default()
                };
                let columns = (!all).then_some(80);
                // An error is as good as a report.
                let report = view::render(snapshot, &options, columns).unwrap_or_default();
                match format {
                    Format::Table | Format::Csv | Format::Folded => {
                        fit_for_people(&String::from_utf8_lossy(&report));
                    }
                    Format::Json => {}
                    // Have no rows.
                    Format::Svg | Format::Pprof | Format::Chrome => break,
                }
            }
        }
        let filter = Filter::default();
        for row in group(snapshot, By::Lock, &filter).rows.iter().take(3) {
            group_sites(snapshot, By::Stack, &filter, &row.sites);
            group_sites(snapshot, By::Holder, &filter, &row.sites);
        }
    }
}

fn compare(intervals: &[Snapshot]) {
    let names = ["before".to_owned(), "after".to_owned()];
    for &by in diff::By::value_variants() {
        let mut sides = [0, 1].map(|_| Series::new(by, Filter::default()));
        for _ in 0..6 {
            for (number, interval) in intervals.iter().enumerate() {
                if let Some(side) = sides.get_mut(number % 2) {
                    side.add(interval);
                }
            }
        }
        let [before, after] = &sides;
        let diff = diff(before, after);
        diff.is_worse_by(1.0);
        for columns in [None, Some(40)] {
            fit_for_people(&view::diff::table(&diff, &names, columns));
        }
        fit_for_people(&view::diff::csv(&diff));
        let _ = view::diff::json(&diff, &names);
    }
}

/// No text of others steers a terminal.
fn fit_for_people(text: &str) {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    assert!(!text.contains(steers), "{text:?}");
}

#[cfg(test)]
mod tests;
