//! Metrics in few columns.

use ebpf_base::units;

use crate::profile::metrics::Metrics;

/// A count in at most five columns, up to a million million: `99999`, `123k`, `1.23M`.
pub(super) fn count(count: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "T"),
        (1_000_000_000, "G"),
        (1_000_000, "M"),
        (1_000, "k"),
    ];
    if count < 100_000 {
        return count.to_string();
    }
    for (size, unit) in UNITS {
        // From where three digits of the smaller unit would round up to this one.
        if count >= size - size / 2000 {
            let value = count as f64 / size as f64;
            let decimals = match value {
                ..9.995 => 2,
                ..99.95 => 1,
                _ => 0,
            };
            return format!("{value:.decimals$}{unit}");
        }
    }
    count.to_string()
}

/// A rate: `0`, `0.25`, `12.3`, `1234`, `123k`.
pub(super) fn rate(rate: f64) -> String {
    match rate {
        0.0 => "0".to_owned(),
        ..9.995 => format!("{rate:.2}"),
        ..99.95 => format!("{rate:.1}"),
        _ => count(rate.round() as u64),
    }
}

/// A part of a whole: `63%`, `<1%`; a dash of nothing.
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 || part == 0 {
        return "-".to_owned();
    }
    let percent = part as f64 / whole as f64 * 100.0;
    if percent < 1.0 {
        "<1%".to_owned()
    } else {
        format!("{percent:.0}%")
    }
}

/// How far off an estimated total may be, as a part of it: `±3%`. Empty if it is exact.
pub(super) fn error(metrics: &Metrics) -> String {
    let (error, total) = (metrics.error_ns(), metrics.total_ns());
    if error == 0 || total == 0 {
        return String::new();
    }
    let percent = error as f64 / total as f64 * 100.0;
    match percent {
        ..1.0 => "±<1%".to_owned(),
        ..999.5 => format!("±{percent:.0}%"),
        _ => "±>9x".to_owned(),
    }
}

/// A time that may be unknown.
pub(super) fn time(nanoseconds: Option<u64>) -> String {
    nanoseconds.map_or_else(|| "-".to_owned(), units::time)
}

/// Per second of a time in nanoseconds; zero of no time.
pub(super) fn per_second(amount: u64, duration_ns: u64) -> f64 {
    match duration_ns {
        0 => 0.0,
        _ => amount as f64 / (duration_ns as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::{count, rate, share};

    #[test]
    fn counts_have_at_most_five_columns() {
        for (number, text) in [
            (0, "0"),
            (99_999, "99999"),
            (100_000, "100k"),
            (999_600, "1.00M"),
            (1_234_567, "1.23M"),
            (45_600_000_000, "45.6G"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn rates_and_shares() {
        assert_eq!(rate(0.0), "0");
        assert_eq!(rate(0.254), "0.25");
        assert_eq!(rate(1234.4), "1234");
        assert_eq!(share(0, 0), "-");
        assert_eq!(share(1, 1000), "<1%");
        assert_eq!(share(2, 3), "67%");
    }
}
