//! Names of kernel functions and locks.

use crate::{doctor::Item, symbol};

pub(super) fn items() -> Vec<Item> {
    vec![functions(), data()]
}

fn functions() -> Item {
    const CODE: &str = "kernel-names";
    match symbol::kernel_names_shown() {
        Ok(()) => Item::ok(CODE, "kernel functions have names (/proc/kallsyms)"),
        Err(reason) => {
            let (says, fix) = reason.split_once(": ").unwrap_or((&reason, ""));
            Item::limited(CODE, says, fix)
        }
    }
}

fn data() -> Item {
    const CODE: &str = "kernel-data-names";
    let says = if symbol::kernel_data_shown() {
        "the kernel names its data, too (CONFIG_KALLSYMS_ALL)"
    } else {
        "the kernel does not name its data (CONFIG_KALLSYMS_ALL is off)"
    };
    Item::ok(
        CODE,
        format!("{says}; locks are named by the functions around a wait"),
    )
}
