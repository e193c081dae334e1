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
        "the kernel names its data, too: locks of which it has one each are called what they are"
    } else {
        "the kernel does not name its data (CONFIG_KALLSYMS_ALL is off): locks are named by the \
         functions around a wait"
    };
    Item::ok(CODE, says)
}
