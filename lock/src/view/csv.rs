//! The rows as comma-separated values: one header, the same columns whatever a row is.
//! Times in nanoseconds; what a row does not have is empty. Names that would steer a
//! terminal are made fit for it, as the rows may be shown on one.

use crate::{
    error::{Error, Result},
    profile::{
        group::{Row, group, rank},
        snapshot::{Snapshot, Waits},
    },
    view::{Options, untrusted},
};

const HEADER: [&str; 18] = [
    "by",
    "label",
    "type",
    "exact",
    "count",
    "count_error_95",
    "total_ns",
    "total_error_95_ns",
    "mean_ns",
    "min_ns",
    "p50_ns",
    "p90_ns",
    "p99_ns",
    "max_ns",
    "spin_ns",
    "runqueue_ns",
    "not_acquired",
    "locks",
];

/// Writes the rows.
pub(super) fn report(snapshot: &Snapshot, options: &Options) -> Result<Vec<u8>> {
    let mut grouped = group(snapshot, options.by, &options.filter);
    rank(&mut grouped.rows, options.sort);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: &dyn std::error::Error| {
        Error::new("csv", "the report could not be written as CSV").because_of(error)
    };
    writer
        .write_record(HEADER)
        .map_err(|error| failed(&error))?;
    let by = options.by.name();
    for row in grouped.rows.iter().take(options.rows(usize::MAX)) {
        writer
            .write_record(record(by, row))
            .map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(&error))
}

fn record(by: &str, row: &Row) -> [String; HEADER.len()] {
    let metrics = &row.metrics;
    let maybe = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        by.to_owned(),
        untrusted::line(&row.label).into_owned(),
        row.lock_type.map(|it| it.to_string()).unwrap_or_default(),
        metrics.is_exact().to_string(),
        metrics.count().to_string(),
        metrics.count_error().to_string(),
        metrics.total_ns().to_string(),
        metrics.error_ns().to_string(),
        metrics.mean_ns().to_string(),
        maybe(metrics.min_ns()),
        maybe(metrics.percentile(0.5)),
        maybe(metrics.percentile(0.9)),
        maybe(metrics.percentile(0.99)),
        metrics.max_ns().to_string(),
        maybe(metrics.waits().map(|waits| waits.spin_ns)),
        maybe(metrics.waits().map(|waits| waits.runqueue_ns)),
        maybe(metrics.waits().map(Waits::failed)),
        row.locks.len().to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::{HEADER, report};
    use crate::{
        profile::{fixtures, group::By},
        view::Options,
    };

    fn csv(options: &Options) -> String {
        String::from_utf8(report(&fixtures::snapshot(), options).unwrap()).unwrap()
    }

    #[test]
    fn rows_by_lock() {
        insta::assert_snapshot!(csv(&Options::default()));
    }

    #[test]
    fn rows_by_holder() {
        insta::assert_snapshot!(csv(&Options {
            by: By::Holder,
            ..Options::default()
        }));
    }

    #[test]
    fn a_name_with_a_comma_stays_in_its_column() {
        let mut snapshot = fixtures::snapshot();
        for thread in &mut snapshot.threads {
            thread.comm = "a,\"b\"\u{1b}c".to_owned();
        }
        let options = Options {
            by: By::Thread,
            limit: Some(2),
            ..Options::default()
        };
        let text = report(&snapshot, &options).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.len() == HEADER.len()));
        assert!(rows[0][1].starts_with("a,\"b\"\\u{1b}c["));
    }
}
