//! What `lock doctor` found, for people and for programs.

use ebpf_base::units::plural;
use serde::Serialize;

use crate::{
    doctor::{Examination, State},
    error::Result,
    view::{
        document::document,
        paint::{BAD, GOOD, NOTABLE, Paint},
        table::facts::{lines, wrapped},
        untrusted,
    },
};

/// Raised when a field changes its meaning or goes away.
const SCHEMA: u32 = 2;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    #[serde(flatten)]
    examination: &'a Examination,
}

/// One JSON document.
pub(crate) fn json(examination: &Examination) -> Result<String> {
    document(&Document {
        schema: SCHEMA,
        examination,
    })
}

/// One line per item, with a fix below each problem, and a summary.
pub(crate) fn table(examination: &Examination, width: Option<u16>, color: bool) -> String {
    let Examination {
        kernel,
        works,
        items,
        blind_spots,
        memory,
    } = examination;
    let mut facts = Vec::new();
    for item in items {
        let state = match item.state {
            State::Ok => "ok",
            State::Limited => "limited",
            State::Failed => "FAILED",
        };
        let message = untrusted::line(&item.message);
        facts.push((item.code, format!("{state}: {message}")));
        if let Some(fix) = &item.fix {
            facts.push((item.code, format!("  fix: {}", untrusted::line(fix))));
        }
    }
    facts.extend(blind_spots.iter().map(|spot| ("blind spots", spot.clone())));
    let mut text = format!(
        "{} for the tables in the kernel, with {}",
        mebibytes(memory.bytes),
        plural(memory.possible_cpus, "possible CPU"),
    );
    if let Some(told) = memory.reported_by_kernel_bytes {
        text += &format!(" (as reported by the kernel: {})", mebibytes(told));
    }
    text += "; limited by --max-locks, --max-stacks, --max-threads and --buffer";
    facts.push(("memory", text));
    let count = |state| items.iter().filter(|item| item.state == state).count() as u64;
    let sum = format!(
        "{} passed, {}, {} failed: lock {} record on Linux {}.",
        count(State::Ok),
        plural(count(State::Limited), "warning"),
        count(State::Failed),
        if *works { "can" } else { "cannot" },
        untrusted::line(kernel)
    );
    let facts = lines(&facts, width, Paint(color));
    format!(
        "{}\n{}",
        painted(&facts, Paint(color)),
        wrapped(&sum, width)
    )
}

/// Paints the states: each follows the name of its item.
fn painted(facts: &str, paint: Paint) -> String {
    let states = [(" ok: ", GOOD), (" limited: ", NOTABLE), (" FAILED: ", BAD)];
    let lines = facts.lines().map(|line| {
        let state = states
            .into_iter()
            .filter_map(|(state, style)| Some((line.find(state)?, state, style)))
            .min_by_key(|(at, ..)| *at);
        let line = state.map_or_else(
            || line.to_owned(),
            |(_, state, style)| line.replacen(state, &paint.text(style, state), 1),
        );
        line + "\n"
    });
    lines.collect()
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::{json, table};
    use crate::doctor::{Examination, Item, Memory, State};

    fn examination(state: State) -> Examination {
        Examination {
            kernel: "6.1.0".to_owned(),
            works: state != State::Failed,
            items: vec![
                Item {
                    code: "kernel-btf",
                    state: State::Ok,
                    message: "kernel BTF is available".to_owned(),
                    fix: None,
                },
                Item {
                    code: "cap-bpf",
                    state,
                    message: "it is missing\u{1b}[2J".to_owned(),
                    fix: Some("sudo lock".to_owned()),
                },
            ],
            blind_spots: vec!["user locks of 32-bit programs".to_owned()],
            memory: Memory {
                possible_cpus: 2,
                bytes: 35 << 20,
                reported_by_kernel_bytes: Some(35 << 20),
            },
        }
    }

    #[test]
    fn each_problem_comes_with_a_fix() {
        insta::assert_snapshot!(
            "doctor_failed",
            table(&examination(State::Failed), None, false)
        );
        insta::assert_snapshot!(
            "doctor_limited",
            table(&examination(State::Limited), Some(60), false)
        );
    }

    #[test]
    fn the_document() {
        insta::assert_snapshot!("doctor_json", json(&examination(State::Failed)).unwrap());
    }
}
