//! What a report says of a lock that a workload's truth names.

use std::collections::BTreeSet;

use serde_json::Value;
use test_support::Failed;

use crate::expect::number;

/// What a report says of a lock, in all of its rows together: a rwlock has several words
/// that are waited on, and parking_lot one for each thread.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// The types that its rows have.
    pub(crate) types: BTreeSet<String>,
    /// Every wait that got the lock.
    pub(crate) count: u64,
    /// How often threads slept in these more than once for each.
    pub(crate) pieces: u64,
    /// The time of these, in nanoseconds.
    pub(crate) total_ns: u64,
    /// The longest of them, in nanoseconds.
    pub(crate) max_ns: u64,
    /// Waits that timed out.
    pub(crate) timed_out: u64,
    /// Waits that a signal broke off.
    pub(crate) interrupted: u64,
    /// `count` as estimated from the waits whose stack was taken.
    pub(crate) estimated_count: u64,
    /// `total_ns` as estimated from the waits whose stack was taken.
    pub(crate) estimated_ns: u64,
    /// Half of the 95 % interval of that.
    pub(crate) estimated_error_ns: u64,
}

impl Row {
    /// All rows together.
    pub(crate) fn sum(rows: &[Self]) -> Self {
        let mut sum = Self::default();
        let mut variance = 0.0;
        for row in rows {
            sum.types.extend(row.types.iter().cloned());
            sum.count += row.count;
            sum.pieces += row.pieces;
            sum.total_ns += row.total_ns;
            sum.max_ns = sum.max_ns.max(row.max_ns);
            sum.timed_out += row.timed_out;
            sum.interrupted += row.interrupted;
            sum.estimated_count += row.estimated_count;
            sum.estimated_ns += row.estimated_ns;
            variance += (row.estimated_error_ns as f64).powi(2);
        }
        sum.estimated_error_ns = variance.sqrt() as u64;
        sum
    }
}

/// The rows of a lock: by its address or its memory, else by its type and its caller.
pub(crate) fn rows(report: &Value, lock: &Value) -> Result<Vec<Row>, Failed> {
    let mut rows = Vec::new();
    for (id, reported) in array(report, "locks")?.iter().enumerate() {
        let sites = sites_of(report, id)?;
        if !is_same(report, lock, reported, &sites)? {
            continue;
        }
        let waits = &reported["waits"];
        let mut row = Row {
            types: [text(reported, "type")?.to_owned()].into(),
            count: number(waits, "/count")?,
            pieces: number(waits, "/pieces")?,
            total_ns: number(waits, "/total_ns")?,
            max_ns: number(waits, "/max_ns")?,
            timed_out: number(waits, "/timed_out")?,
            interrupted: number(waits, "/interrupted")?,
            ..Row::default()
        };
        let mut variance = 0.0;
        for site in sites {
            let (count, total_ns) = (
                number(site, "/waits/count")?,
                number(site, "/waits/total_ns")?,
            );
            // Other functions wait for a lock of the kernel, too.
            if reported["kind"] == "kernel" && !has_caller(report, site, lock)? {
                row.count = row.count.saturating_sub(count);
                row.total_ns = row.total_ns.saturating_sub(total_ns);
                continue;
            }
            row.estimated_count += count;
            row.estimated_ns += total_ns;
            variance += (number(site, "/waits/total_error_ns")? as f64).powi(2);
        }
        row.estimated_error_ns = variance.sqrt() as u64;
        rows.push(row);
    }
    Ok(rows)
}

/// The part of a thread's waiting for a lock that is for what another thread had.
pub(crate) fn pair_share(
    report: &Value,
    lock: &Value,
    waiter: &str,
    holder: &str,
) -> Result<f64, Failed> {
    let (mut all, mut of_holder) = (0, 0);
    for (id, reported) in array(report, "locks")?.iter().enumerate() {
        let sites = sites_of(report, id)?;
        if !is_same(report, lock, reported, &sites)? {
            continue;
        }
        for site in sites {
            if thread_name(report, &site["thread"])? != waiter {
                continue;
            }
            let total_ns = number(site, "/waits/total_ns")?;
            all += total_ns;
            let had = &site["holder"]["thread"];
            if !had.is_null() && thread_name(report, had)? == holder {
                of_holder += total_ns;
            }
        }
    }
    if all == 0 {
        return Err(format!("{waiter} did not wait for {lock:#}").into());
    }
    Ok(of_holder as f64 / all as f64)
}

/// The names of the threads of each chain, the one that has the last lock at the end.
pub(crate) fn chains(report: &Value) -> Result<Vec<Vec<&str>>, Failed> {
    let chain = |chain| -> Result<Vec<&str>, Failed> {
        let mut names = array(chain, "links")?
            .iter()
            .map(|link| thread_name(report, &link["thread"]))
            .collect::<Result<Vec<_>, _>>()?;
        if !chain["end"].is_null() {
            names.push(thread_name(report, &chain["end"])?);
        }
        Ok(names)
    };
    array(report, "chains")?.iter().map(chain).collect()
}

/// Whether it is the lock of the truth that is reported.
fn is_same(
    report: &Value,
    lock: &Value,
    reported: &Value,
    sites: &[&Value],
) -> Result<bool, Failed> {
    if let Some(object) = lock["object"].as_str() {
        let memory = reported["object"].as_str();
        return Ok(memory.is_some_and(|memory| memory.contains(object)));
    }
    if let Some(address) = lock["address"].as_u64() {
        let within = address..address + number(lock, "/bytes")?;
        let word = reported["address"]
            .as_str()
            .and_then(|word| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok());
        return Ok(reported["kind"] == "private" && word.is_some_and(|word| within.contains(&word)));
    }
    if reported["type"] != lock["type"] {
        return Ok(false);
    }
    for site in sites {
        if has_caller(report, site, lock)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the stack of a site has the function that the truth names.
fn has_caller(report: &Value, site: &Value, lock: &Value) -> Result<bool, Failed> {
    let caller = text(lock, "caller")?;
    let stack = at(report, "stacks", &site["stack"])?;
    for part in ["kernel", "user"] {
        for frame in array(stack, part)? {
            let function = at(report, "frames", frame)?["function"].as_str();
            if function.is_some_and(|function| function.contains(caller)) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn sites_of(report: &Value, lock: usize) -> Result<Vec<&Value>, Failed> {
    let sites = array(report, "sites")?.iter();
    Ok(sites.filter(|site| site["lock"] == lock).collect())
}

fn thread_name<'a>(report: &'a Value, thread: &Value) -> Result<&'a str, Failed> {
    text(at(report, "threads", thread)?, "comm")
}

fn at<'a>(report: &'a Value, table: &str, index: &Value) -> Result<&'a Value, Failed> {
    index
        .as_u64()
        .and_then(|index| report[table].get(usize::try_from(index).ok()?))
        .ok_or_else(|| format!("no {table} at {index}").into())
}

fn array<'a>(value: &'a Value, name: &str) -> Result<&'a Vec<Value>, Failed> {
    value[name]
        .as_array()
        .ok_or_else(|| format!("no list {name} in {value:#}").into())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Failed> {
    value[name]
        .as_str()
        .ok_or_else(|| format!("no text {name} in {value:#}").into())
}
