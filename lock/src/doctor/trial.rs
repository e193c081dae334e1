//! Whether the programs can really be loaded: all of them are, and none is attached.

use crate::{
    doctor::Item,
    error::{Error, Result},
    probe::{
        load, memory, object,
        plan::{Filters, Limits, Plan, UserStacks},
        requirements::Kernel,
    },
    profile::snapshot::Scope,
};

/// What came of it, and how much memory the kernel says that the maps take.
pub(super) fn items(kernel: &Result<Kernel>, limits: Limits) -> (Vec<Item>, Option<u64>) {
    let object = match object::embedded() {
        Ok(object) => object,
        Err(error) => return (vec![Item::of_error("object", &error)], None),
    };
    let mut items = vec![Item::ok("object", "the eBPF object is embedded")];
    let Ok(kernel) = kernel else {
        return (items, None); // An item of its own.
    };
    let before = memory::reported_by_kernel();
    let loaded = load::load(object, kernel, &plan(limits));
    let told = memory::reported_by_kernel()
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before))
        .filter(|&bytes| loaded.is_ok() && bytes > 0);
    items.push(match &loaded {
        Ok(loaded) => Item::ok(
            "programs-load",
            format!("all {} programs load", loaded.count()),
        ),
        Err(error) => Item::of_error("programs-load", error),
    });
    (items, told)
}

/// A recording of a process needs all programs.
fn plan(limits: Limits) -> Plan {
    Plan {
        scope: Scope::Process {
            pid: std::process::id(),
        },
        filters: Filters::default(),
        exact: false,
        user_stacks: UserStacks::Auto,
        stack_bytes: 8 << 10,
        limits,
    }
}

impl Item {
    /// Nothing can be recorded for this reason.
    pub(super) fn of_error(code: &'static str, error: &Error) -> Self {
        let mut message = error.to_string();
        if let Some(cause) = error.cause() {
            message = format!("{message}: {cause}");
        }
        let fix = error.fix_text().unwrap_or("run `lock record` for details");
        Self::failed(code, message, fix)
    }
}
