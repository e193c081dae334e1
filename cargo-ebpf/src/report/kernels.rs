//! The kernels that objects can be tried on, as a table.

use comfy_table::{CellAlignment, Table, presets};
use indicatif::HumanBytes;
use serde::Serialize;

use super::Report;
use crate::kernels::Known;

/// The result of `kernels`.
#[derive(Debug, Serialize)]
pub(crate) struct Kernels {
    /// Oldest first.
    pub(crate) kernels: Vec<Known>,
}

impl Report for Kernels {
    fn human(&self) -> String {
        let mut table = Table::new();
        // Never folded to the terminal's width: a row is a line, for grep as for people.
        table
            .load_style(presets::NOTHING)
            .force_no_tty()
            .set_header(["kernel", "newest", "suite", "download", "cached"]);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        if let Some(download) = table.column_mut(3) {
            download.set_cell_alignment(CellAlignment::Right);
        }
        for kernel in &self.kernels {
            table.add_row(row(kernel));
        }
        table.trim_fmt() + "\ntry an object on some of them: cargo ebpf verify --kernel 6.1,host"
    }
}

fn row(kernel: &Known) -> [String; 5] {
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
    use crate::kernels::Image;

    #[test]
    fn a_row_is_a_line_and_says_what_is_cached() {
        let image = Image {
            label: "6.1".to_owned(),
            release: "6.1.0-56-cloud-amd64".to_owned(),
            version: "6.1.192-2".to_owned(),
            path: "/cache/vmlinuz".into(),
            sha256: String::new(),
            bytes: 9,
            package: None,
        };
        let known = |label: &str, cached| Known {
            label: label.to_owned(),
            offered: None,
            cached,
        };
        let text = Kernels {
            kernels: vec![known("5.10", None), known("6.1", Some(image))],
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
