//! The ground truth of a run: the JSON document that reports are compared with, and a summary.

use ebpf_base::units::{plural, time};
use serde::Serialize;

use crate::{
    scenario::Scenario,
    truth::{Lock, Truth},
};

/// The JSON document. Times are in nanoseconds.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    schema: u32,
    scenario: &'static str,
    /// Whether the number of waits is known: `waits` to `waits + unsure`. Otherwise `waits`
    /// is the least and `calls` the most.
    exact: bool,
    /// The fraction of `total_ns` by which a report may show less: `on_cpu_ns` and `loose_ns`.
    tolerance: f64,
    waits: u64,
    unsure: u64,
    total_ns: u64,
    average_ns: u64,
    max_ns: u64,
    #[serde(flatten)]
    truth: &'a Truth,
}

impl<'a> Document<'a> {
    /// That of a run.
    pub fn new(scenario: Scenario, truth: &'a Truth) -> Self {
        let sum = truth.sum();
        let loose = sum.on_cpu_ns.saturating_add(sum.loose_ns);
        Self {
            schema: 3,
            scenario: scenario.name(),
            exact: scenario.is_exact(),
            tolerance: (loose as f64 / sum.total_ns.max(1) as f64).min(1.0),
            waits: sum.waits,
            unsure: sum.unsure,
            total_ns: sum.total_ns,
            average_ns: sum.total_ns.checked_div(sum.waits).unwrap_or(0),
            max_ns: sum.max_ns,
            truth,
        }
    }
}

/// A run in a few sentences.
pub fn summary(scenario: Scenario, truth: &Truth) -> String {
    let mut text = String::new();
    let (exact, scenario) = (scenario.is_exact(), scenario.name());
    for lock in &truth.locks {
        let Lock { subject, figures } = lock;
        let (role, r#type, caller) = (subject.name, subject.r#type, subject.caller);
        if !exact {
            text.push_str(&format!(
                "The threads of the workload {scenario} made {} calls for the {role} ({type}, in \
                 {caller}). They cannot determine which calls waited.\n",
                figures.calls
            ));
            continue;
        }
        text.push_str(&format!(
            "The threads of the workload {scenario} waited {} times for the {role} ({type}, in \
             {caller}): {} in total, {} on average, {} at most.\n",
            figures.waits,
            time(figures.total_ns),
            time(figures.total_ns.checked_div(figures.waits).unwrap_or(0)),
            time(figures.max_ns),
        ));
        if figures.timed_out > 0 || figures.interrupted > 0 {
            let outcomes = non_zero(&[
                (figures.timed_out, "timed out"),
                (figures.interrupted, "interrupted by a signal"),
            ]);
            text.push_str(&format!(
                "Waits that ended without acquiring the {role}: {outcomes}, {} in total.\n",
                time(figures.not_acquired_ns)
            ));
        }
    }
    if exact {
        text.push_str(&rounds(truth));
    }
    for pair in &truth.pairs {
        text.push_str(&format!("{} waited for {}.\n", pair.waiter, pair.holder));
    }
    text
}

/// How many rounds there were, and which calls in them a report does not show as waits.
fn rounds(truth: &Truth) -> String {
    let sum = truth.sum();
    let rounds = plural(truth.rounds, "round");
    let parts = non_zero(&[
        (sum.without_wait, "without a wait"),
        (truth.too_late, "skipped because the lock was free again"),
        (sum.unsure, "that may or may not have waited"),
    ]);
    if parts.is_empty() {
        format!("In {rounds}, every call waited.\n")
    } else {
        format!("In {rounds}, not counted as waits: {parts}.\n")
    }
}

/// The counts of calls that are not zero, each with what became of them.
fn non_zero(counts: &[(u64, &str)]) -> String {
    let parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, outcome)| format!("{} {outcome}", plural(*count, "call")))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Document, summary};
    use crate::{Figures, Lock, Pair, Scenario, Subject, Truth};

    fn scenario(name: &str) -> Scenario {
        Scenario::named(name).unwrap()
    }

    fn truth() -> Truth {
        let figures = Figures {
            calls: 12,
            waits: 10,
            without_wait: 1,
            unsure: 1,
            total_ns: 100_000_000,
            on_cpu_ns: 50_000,
            loose_ns: 150_000,
            min_ns: 9_000_000,
            max_ns: 11_000_000,
            timed_out: 2,
            not_acquired_ns: 10_000_000,
            ..Figures::default()
        };
        let subject = Subject {
            name: "mutex",
            r#type: "user mutex",
            address: Some(0x1000),
            bytes: 40,
            object: None,
            caller: "wait_for_pthread_mutex",
        };
        Truth {
            rounds: 4,
            too_late: 1,
            locks: vec![Lock { subject, figures }],
            threads: vec!["holder".to_owned(), "waiter-0".to_owned()],
            pairs: vec![Pair {
                waiter: "waiter-0".to_owned(),
                holder: "holder".to_owned(),
                lock: 0,
            }],
        }
    }

    #[test]
    fn in_words() {
        insta::assert_snapshot!("words", summary(scenario("holder"), &truth()));
        let all_waited = Truth {
            too_late: 0,
            locks: Vec::new(),
            pairs: Vec::new(),
            ..truth()
        };
        insta::assert_snapshot!(
            "words_if_all_waited",
            summary(scenario("holder"), &all_waited)
        );
        insta::assert_snapshot!(
            "words_without_a_count",
            summary(scenario("spinlock"), &truth())
        );
    }

    #[test]
    fn as_a_document() {
        let truth = truth();
        let document = Document::new(scenario("holder"), &truth);
        let content = serde_json::to_string_pretty(&document).unwrap();
        insta::assert_snapshot!("document", content);
    }
}
