//! Names of kernel functions and locks.

use crate::{doctor::Item, symbol};

pub(super) fn items() -> Vec<Item> {
    vec![functions(), data()]
}

fn functions() -> Item {
    const CODE: &str = "kernel-names";
    match symbol::kernel_names_shown() {
        Ok(()) => Item::ok(
            CODE,
            "names of kernel functions are available (/proc/kallsyms)",
        ),
        Err(reason) => {
            let (message, fix) = reason.split_once(": ").unwrap_or((&reason, ""));
            Item::limited(CODE, message, fix)
        }
    }
}

fn data() -> Item {
    const CODE: &str = "kernel-data-names";
    let message = if symbol::kernel_data_shown() {
        "names of kernel data are available: global locks are shown by name"
    } else {
        "names of kernel data are unavailable (CONFIG_KALLSYMS_ALL is off): global locks are \
         shown by the functions that wait for them"
    };
    Item::ok(CODE, message)
}
