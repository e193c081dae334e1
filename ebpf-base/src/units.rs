//! Numbers as text for people.

/// A time with three significant digits and its unit: `1.24 ms`.
pub fn time(nanoseconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    for (size, unit) in UNITS {
        // From where three digits of the smaller unit would round up to this one.
        if nanoseconds >= size - size / 2000 {
            let value = nanoseconds as f64 / size as f64;
            let decimals = match value {
                ..9.995 => 2,
                ..99.95 => 1,
                _ => 0,
            };
            return format!("{value:.decimals$} {unit}");
        }
    }
    format!("{nanoseconds} ns")
}

/// `1 wait`, `2 waits`.
pub fn plural(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_have_three_digits() {
        for (nanoseconds, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (99_960, "100 µs"),
            (999_400, "999 µs"),
            (999_600, "1.00 ms"),
            (1_234_567, "1.23 ms"),
            (2_000_000_000, "2.00 s"),
            (4_321_000_000_000, "4321 s"),
        ] {
            assert_eq!(time(nanoseconds), text);
        }
    }
}
