//! The program `count_classifier`.

use aya_ebpf::{
    bindings::TC_ACT_OK,
    macros::{btf_map, classifier},
    programs::TcContext,
};

use crate::{Count, add_one};

/// Packets.
#[btf_map]
static CLASSIFIER_COUNT: Count = Count::new();

/// Runs for each packet that the interface receives, and lets it pass.
#[classifier]
pub fn count_classifier(_: TcContext) -> i32 {
    add_one(&CLASSIFIER_COUNT);
    TC_ACT_OK
}
