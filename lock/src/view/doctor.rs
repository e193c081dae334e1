//! What `lock doctor` found, for people and for programs.

use serde::Serialize;

use crate::{
    doctor::{Examination, State},
    error::Result,
    units::plural,
    view::{
        document::document,
        table::facts::{lines, wrapped},
        untrusted,
    },
};

/// Raised when a field changes its meaning or goes away.
const SCHEMA: u32 = 1;

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

/// A line an item, what mends it below, and a last line that sums up.
pub(crate) fn table(examination: &Examination, width: Option<u16>) -> String {
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
        let says = untrusted::line(&item.says);
        facts.push((item.code, format!("{state}: {says}")));
        if let Some(fix) = &item.fix {
            facts.push((item.code, format!("  fix: {}", untrusted::line(fix))));
        }
    }
    facts.extend(blind_spots.iter().map(|spot| ("not seen", spot.clone())));
    let mut text = format!(
        "{} of memory for the tables in the kernel, with {}",
        mebibytes(memory.bytes),
        plural(memory.possible_cpus, "possible CPU"),
    );
    if let Some(told) = memory.told_by_kernel_bytes {
        text += &format!(" (the kernel says {})", mebibytes(told));
    }
    text += "; --max-locks, --max-stacks, --max-threads and --buffer bound it";
    facts.push(("memory", text));
    let limited = items.iter().filter(|item| item.state == State::Limited);
    let kernel = untrusted::line(kernel);
    let sum = match (works, limited.count()) {
        (false, _) => format!("lock cannot record on Linux {kernel} as it is run here."),
        (true, 0) => format!("lock can record on Linux {kernel}."),
        (true, 1) => format!("lock can record on Linux {kernel}; one item above is limited."),
        (true, count) => {
            format!("lock can record on Linux {kernel}; {count} items above are limited.")
        }
    };
    format!("{}\n{}", lines(&facts, width), wrapped(&sum, width))
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
                    says: "the kernel shows its types".to_owned(),
                    fix: None,
                },
                Item {
                    code: "cap-bpf",
                    state,
                    says: "it is missing\u{1b}[2J".to_owned(),
                    fix: Some("sudo lock".to_owned()),
                },
            ],
            blind_spots: vec!["user locks of 32-bit programs".to_owned()],
            memory: Memory {
                possible_cpus: 2,
                bytes: 35 << 20,
                told_by_kernel_bytes: Some(35 << 20),
            },
        }
    }

    #[test]
    fn what_is_amiss_comes_with_what_mends_it() {
        insta::assert_snapshot!("doctor_failed", table(&examination(State::Failed), None));
        insta::assert_snapshot!(
            "doctor_limited",
            table(&examination(State::Limited), Some(60))
        );
    }

    #[test]
    fn the_document() {
        insta::assert_snapshot!("doctor_json", json(&examination(State::Failed)).unwrap());
    }
}
