//! How long a thread's next wait is expected to be, from those before.
//!
//! A wait whose length is not known yet is sampled by what is expected of it. What counts for
//! the error of the estimate is the mean of the squares: a wait that is a hundred times as
//! long as its like, once in a hundred times, decides nearly all of it. The length of the last
//! wait alone would say nothing of it in ninety-nine cases.

/// How many waits the mean reaches back, about.
const REACH: u64 = 64;

/// The moving mean of the squares of lengths, in ns², after one more length in nanoseconds. Zero
/// is that of none. From 4.3 s on all lengths are taken for equal.
pub const fn mean_square(before: u64, ns: u64) -> u64 {
    let square = square(ns);
    if before == 0 {
        return square;
    }
    // The sum is not above the greater of the two.
    before - before / REACH + square / REACH
}

/// The logarithm, to base 2 and rounded down, of the length that is expected of a wait that
/// has taken `so_far_ns` and still lasts as long as this mean says.
pub const fn expected_log(so_far_ns: u64, rest_mean_square: u64) -> u64 {
    let square = square(so_far_ns).saturating_add(rest_mean_square);
    ((square | 1).ilog2() / 2) as u64
}

const fn square(ns: u64) -> u64 {
    let ns = if ns > u32::MAX as u64 {
        u32::MAX as u64
    } else {
        ns
    };
    ns * ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lengths_are_expected_again() {
        let mut mean = 0;
        for _ in 0..1_000 {
            mean = mean_square(mean, 1 << 20);
        }
        assert_eq!(expected_log(0, mean | 1 << 40), 20);
        assert!(expected_log(0, mean) >= 19);
    }

    #[test]
    fn a_long_wait_in_a_hundred_is_not_forgotten_between() {
        let mut mean = 0;
        for wait in 0..1_000 {
            mean = mean_square(mean, if wait % 100 == 0 { 1 << 22 } else { 1 << 12 });
        }
        // The root of the mean square of all is 2^22 / 10, or 2^18.7.
        assert!((17..=19).contains(&expected_log(0, mean)));
    }

    #[test]
    fn what_is_over_counts_with_what_is_to_come() {
        assert_eq!(expected_log(0, 0), 0);
        assert_eq!(expected_log(1 << 30, 0), 30);
        assert_eq!(expected_log(1 << 10, 1 << 40), 20);
    }

    #[test]
    fn the_longest_lengths_do_not_overflow() {
        let mean = mean_square(mean_square(0, u64::MAX), u64::MAX);
        assert!(expected_log(u64::MAX, mean) >= 31);
    }
}
