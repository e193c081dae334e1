//! What this machine and its kernel support, item by item. Findings are data: each has a
//! stable code, and each problem has a fix.

mod capabilities;
mod hooks;
mod machine;
mod names;
mod trial;

use serde::Serialize;

use crate::probe::{plan::Limits, requirements};

/// How an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Recording works, and misses something.
    Limited,
    /// Nothing can be recorded.
    Failed,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Item {
    /// Stable, kebab-case.
    pub(crate) code: &'static str,
    /// How it is.
    pub(crate) state: State,
    /// The fact, and what follows from it.
    pub(crate) message: String,
    /// A command that fixes it, or else a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

impl Item {
    fn ok(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            state: State::Ok,
            message: message.into(),
            fix: None,
        }
    }

    fn limited(code: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            code,
            state: State::Limited,
            message: message.into(),
            fix: Some(fix.into()),
        }
    }

    fn failed(code: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            state: State::Failed,
            ..Self::limited(code, message, fix)
        }
    }
}

/// How much memory the kernel takes for the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Memory {
    /// CPUs that there could be: each has tables of its own.
    pub(crate) possible_cpus: u64,
    /// By the limits, in bytes.
    pub(crate) bytes: u64,
    /// The kernel's figure for maps that were made, in bytes. None where it gave none.
    pub(crate) reported_by_kernel_bytes: Option<u64>,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Examination {
    /// Release of the running kernel.
    pub(crate) kernel: String,
    /// Whether something can be recorded.
    pub(crate) works: bool,
    /// What was looked at.
    pub(crate) items: Vec<Item>,
    /// What the hooks of this kernel do not see, one sentence each.
    pub(crate) blind_spots: Vec<String>,
    /// Of the tables, with the limits that were given.
    pub(crate) memory: Memory,
}

/// Looks at everything, and records for some milliseconds.
pub(crate) fn examine(limits: Limits) -> Examination {
    let kernel = requirements::kernel();
    let mut items = capabilities::items();
    items.extend(hooks::items(&kernel));
    items.extend(names::items());
    items.extend(machine::items());
    let (trial, reported_by_kernel_bytes) = trial::items(&kernel, limits);
    items.extend(trial);
    let possible_cpus = aya::util::nr_cpus().map_or(1, |cpus| cpus as u64);
    Examination {
        kernel: ebpf_base::kernel_release(),
        works: items.iter().all(|item| item.state != State::Failed),
        items,
        blind_spots: kernel.map_or_else(|_| Vec::new(), |kernel| kernel.blind_spots()),
        memory: Memory {
            possible_cpus,
            bytes: limits.memory(possible_cpus),
            reported_by_kernel_bytes,
        },
    }
}
