//! A verifier's log, with the names of what a kernel lacks.

use ebpf_base::untrusted;
use ebpf_object::link;

use crate::verifier::references::MISSING_FUNCTION;

/// What verifiers say to a call of a helper that there is not.
const UNKNOWN_HELPER: &str = "invalid func unknown#";
/// The helper that is called, as by libbpf, where an access could not be fitted to this
/// kernel.
const UNFITTED: i32 = 0x0bad_2310;

/// Adds what a helper that there is not stands for. `absent` is what this kernel does not have, by
/// the instruction that accesses it.
pub(super) fn in_words(log: &str, externs: &[link::Extern], absent: &[(usize, String)]) -> String {
    // The log contains the instruction itself before: `11: (85) call unknown#195896080`.
    let mut called = None;
    let mut text = String::with_capacity(log.len());
    for line in log.split_inclusive('\n') {
        text.push_str(line.trim_end_matches('\n'));
        let helper = line.trim_end().strip_prefix(UNKNOWN_HELPER);
        if let Some((slot, _)) = line.split_once(": (85) call ") {
            called = slot.parse().ok();
        }
        let missing = |helper: i32| {
            let number = usize::try_from(helper.checked_sub(MISSING_FUNCTION)?).ok()?;
            externs.get(number)
        };
        match helper.and_then(|number| number.parse().ok()) {
            Some(UNFITTED) => {
                let found = absent.iter().find(|(slot, _)| Some(*slot) == called);
                text.push_str(": it accesses ");
                if let Some((_, path)) = found {
                    text.push_str(&format!("`{}`, ", untrusted::name(path)));
                }
                text.push_str("a field or a type that this kernel does not have (CO-RE)");
            }
            Some(helper) => {
                if let Some(missing) = missing(helper) {
                    text.push_str(": the weak function `");
                    text.push_str(&untrusted::name(&missing.name));
                    text.push_str("`, which this kernel does not have");
                }
            }
            None => {}
        }
        if line.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_lacks_is_named() {
        let log = "10: (bf) r3 = r6\n11: (85) call unknown#195896080\n\
                   invalid func unknown#195896080\nprocessed 12 insns\n";
        let absent = [
            (3, "task_struct.state".to_owned()),
            (11, "task_struct.__state".to_owned()),
        ];
        assert_eq!(
            in_words(log, &[], &absent),
            "10: (bf) r3 = r6\n11: (85) call unknown#195896080\n\
             invalid func unknown#195896080: it accesses `task_struct.__state`, a field or a type \
             that this kernel does not have (CO-RE)\nprocessed 12 insns\n"
        );
    }
}
