//! The report for programs: one JSON document of types that are only for it, so that its
//! shape does not change with those inside. Times are in nanoseconds.

use serde::Serialize;

use crate::{
    error::{Error, Result},
    profile::{
        aggregate::Caller,
        blind_spots,
        ranking::Ranking,
        snapshot::{Counts, Lost, Scope, Snapshot, StackLost},
    },
};

/// Counts up when a field changes its meaning or goes.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    lock: &'static str,
    kernel: &'a str,
    scope: &'a Scope,
    own_included: bool,
    duration_ns: u64,
    sites: Vec<Site>,
    still_waiting: Vec<StillWaiting>,
    events: Events,
    hooks: Vec<Hook<'a>>,
    blind_spots: &'static [&'static str],
    nameless: Option<&'a str>,
}

#[derive(Serialize)]
struct Site {
    r#type: String,
    #[serde(flatten)]
    caller: SiteCaller,
    count: u64,
    total_ns: u64,
    average_ns: u64,
    min_ns: u64,
    max_ns: u64,
    not_acquired: u64,
    not_acquired_ns: u64,
}

#[derive(Serialize)]
struct StillWaiting {
    r#type: String,
    #[serde(flatten)]
    caller: SiteCaller,
    count: u64,
    longest_ns: u64,
}

/// `caller` is a function's name or null; then `address` may be known, as "0xffff...":
/// many readers of JSON round numbers above 2^53.
#[derive(Serialize)]
struct SiteCaller {
    caller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stack_lost: bool,
}

impl From<&Caller> for SiteCaller {
    fn from(caller: &Caller) -> Self {
        let mut this = Self {
            caller: None,
            address: None,
            stack_lost: false,
        };
        match caller {
            Caller::Function(name) => this.caller = Some(name.clone()),
            Caller::Address(address) => this.address = Some(format!("{address:#x}")),
            Caller::StackLost => this.stack_lost = true,
            Caller::Unknown => {}
        }
        this
    }
}

/// begins = repeats + reported + all of lost + still_waiting, as `account_holds` says.
#[derive(Serialize)]
struct Events {
    begins: u64,
    repeats: u64,
    reported: u64,
    lost: LostBy,
    still_waiting: u64,
    account_holds: bool,
    stack_lost: StackLostBy,
    ends_without_begin: u64,
    children_not_followed: u64,
}

#[derive(Serialize)]
struct LostBy {
    map_full: u64,
    map_busy: u64,
    nested: u64,
    end_not_seen: u64,
}

#[derive(Serialize)]
struct StackLostBy {
    collision: u64,
    unreadable: u64,
    no_memory: u64,
    table_full: u64,
}

#[derive(Serialize)]
struct Hook<'a> {
    kind: &'static str,
    name: &'a str,
    recursion_misses: u64,
}

/// Writes the report.
pub(crate) fn report(snapshot: &Snapshot, ranking: &Ranking) -> Result<String> {
    document(&Report {
        schema: SCHEMA,
        lock: env!("CARGO_PKG_VERSION"),
        kernel: &snapshot.kernel,
        scope: &snapshot.scope,
        own_included: snapshot.own_included,
        duration_ns: snapshot.duration_ns,
        sites: sites(ranking),
        still_waiting: ranking
            .still_waiting
            .iter()
            .map(|(site, waiting)| StillWaiting {
                r#type: site.lock_type.to_string(),
                caller: (&site.caller).into(),
                count: waiting.count,
                longest_ns: waiting.longest_ns,
            })
            .collect(),
        events: events(ranking),
        hooks: snapshot
            .hooks
            .iter()
            .map(|hook| Hook {
                kind: "tp_btf",
                name: &hook.name,
                recursion_misses: hook.missed,
            })
            .collect(),
        blind_spots: blind_spots::OF_LOCK_TRACEPOINTS,
        nameless: snapshot.nameless.as_deref(),
    })
}

/// Writes any document, with a line break at its end.
pub(crate) fn document(content: &impl Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(content).map_err(|error| {
        Error::new("json", "the report could not be written as JSON").because_of(&error)
    })?;
    text.push('\n');
    Ok(text)
}

/// Every site once: those that never got the lock come last.
fn sites(ranking: &Ranking) -> Vec<Site> {
    let never = ranking
        .not_acquired
        .iter()
        .filter(|(_, waits)| waits.count == 0);
    ranking
        .sites
        .iter()
        .chain(never)
        .map(|(site, waits)| Site {
            r#type: site.lock_type.to_string(),
            caller: (&site.caller).into(),
            count: waits.count,
            total_ns: waits.total_ns,
            average_ns: waits.average_ns(),
            min_ns: waits.min_ns,
            max_ns: waits.max_ns,
            not_acquired: waits.not_acquired,
            not_acquired_ns: waits.not_acquired_ns,
        })
        .collect()
}

fn events(ranking: &Ranking) -> Events {
    let account = &ranking.account;
    let Counts {
        begins,
        repeats,
        lost:
            Lost {
                map_full,
                map_busy,
                nested,
                end_not_seen,
            },
        stack_lost:
            StackLost {
                collision,
                unreadable,
                no_memory,
                table_full,
            },
        ends_without_begin,
        children_not_followed,
    } = account.counts;
    Events {
        begins,
        repeats,
        reported: account.reported,
        lost: LostBy {
            map_full,
            map_busy,
            nested,
            end_not_seen,
        },
        still_waiting: account.still_waiting,
        account_holds: account.holds(),
        stack_lost: StackLostBy {
            collision,
            unreadable,
            no_memory,
            table_full,
        },
        ends_without_begin,
        children_not_followed,
    }
}

#[cfg(test)]
mod tests {
    use super::{SiteCaller, report};
    use crate::profile::{
        aggregate::{Caller, aggregate, tests::snapshot},
        ranking::rank,
    };

    #[test]
    fn the_whole_document() {
        let snapshot = snapshot();
        let text = report(&snapshot, &rank(aggregate(&snapshot))).expect("plain data");
        // The version changes with every release, the schema does not.
        insta::assert_snapshot!(text.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    }

    #[test]
    fn an_address_is_whole() {
        let caller = Caller::Address(0xffff_ffff_8123_4567);
        assert_eq!(
            SiteCaller::from(&caller).address.as_deref(),
            Some("0xffffffff81234567")
        );
    }

    #[test]
    fn a_site_that_never_got_its_lock_is_there_once() {
        let mut snapshot = snapshot();
        for ended in &mut snapshot.ended {
            ended.waits.count = 0;
        }
        let text = report(&snapshot, &rank(aggregate(&snapshot))).expect("plain data");
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let sites = document["sites"].as_array().expect("a list");
        assert_eq!(sites.len(), 1);
        assert_eq!(sites[0]["not_acquired"], 2);
    }
}
