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
            let (message, fix) = reason.split_once(": ").unwrap_or((&reason, ""));
            Item::limited(CODE, message, fix)
        }
    }
}

fn data() -> Item {
    const CODE: &str = "kernel-data-names";
    let message = if symbol::kernel_data_shown() {
        "kernel data has names: global locks are shown by name"
    } else {
        "kernel data has no names (CONFIG_KALLSYMS_ALL is off): global locks are named by the \
         functions that wait for them"
    };
    Item::ok(CODE, message)
}
