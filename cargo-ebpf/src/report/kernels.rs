//! The kernels that objects can be tried on, as a table.

use ebpf_kernels::KernelEntry;
use indicatif::HumanBytes;
use serde::Serialize;

use super::{Report, table};

/// The result of `kernels`.
#[derive(Debug, Serialize)]
pub(crate) struct Kernels {
    /// Oldest first.
    pub(crate) kernels: Vec<KernelEntry>,
}

impl Report for Kernels {
    fn human(&self) -> String {
        let mut table = table::new(["kernel", "newest", "suite", "download", "cached"], 3..4);
        for kernel in &self.kernels {
            table.add_row(row(kernel));
        }
        table::flush_left(table)
            + "\nverify an object on some of them: cargo ebpf verify --kernel 6.1,host"
    }
}

fn row(kernel: &KernelEntry) -> [String; 5] {
    let absent = || "-".to_owned();
    let offered = kernel.offered.as_ref();
    let cached = kernel.cached.as_ref().map(|image| image.version.clone());
    [
        kernel.label.clone(),
        offered.map_or_else(absent, |offer| offer.version.clone()),
        offered.map_or_else(absent, |offer| offer.suite.clone()),
        offered.map_or_else(absent, |offer| HumanBytes(offer.bytes).to_string()),
        cached.unwrap_or_else(absent),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_and_says_what_is_cached() {
        // As the document has them: both types may get fields.
        let entries: [KernelEntry; 2] = serde_json::from_value(serde_json::json!([
            { "label": "5.10" },
            {
                "label": "6.1",
                "cached": {
                    "label": "6.1",
                    "release": "6.1.0-56-cloud-amd64",
                    "version": "6.1.192-2",
                    "path": "/cache/vmlinuz",
                    "sha256": "",
                    "bytes": 9,
                },
            },
        ]))
        .unwrap();
        let text = Kernels {
            kernels: entries.to_vec(),
        }
        .human();
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[1], ["5.10", "-", "-", "-", "-"]);
        assert_eq!(rows[2], ["6.1", "-", "-", "-", "6.1.192-2"]);
    }
}
