//! Tests whose truth a busy machine can spoil.

use crate::failed::Outcome;

/// Repeats a test that fails, up to `attempts` in all, and prints why each failed. One that
/// cannot run here is not repeated.
///
/// # Errors
/// That of the last attempt.
#[expect(
    clippy::print_stdout,
    reason = "what was seen stands in the log of the test"
)]
pub fn repeat(attempts: usize, mut test: impl FnMut() -> Outcome) -> Outcome {
    for _ in 1..attempts {
        match test() {
            Err(failed) if failed.lacking().is_none() => {
                println!("once more, after: {}", failed.message());
            }
            outcome => return outcome,
        }
    }
    test()
}

#[cfg(test)]
mod tests {
    use super::repeat;
    use crate::failed::{Outcome, skip};

    /// The outcome, and the number of attempts.
    fn attempts(outcomes: &[Outcome]) -> (Outcome, usize) {
        let mut made = 0;
        let outcome = repeat(outcomes.len(), || {
            made += 1;
            outcomes[made - 1].clone()
        });
        (outcome, made)
    }

    #[test]
    fn only_a_failure_is_repeated() {
        let failed: Outcome = Err("wrong".into());
        let skipped: Outcome = Err(skip("perf", "it is absent"));
        let three =
            |first: &Outcome, second: Outcome| attempts(&[first.clone(), second, failed.clone()]);
        assert_eq!(three(&Ok(()), Ok(())), (Ok(()), 1));
        assert_eq!(three(&skipped, Ok(())), (skipped.clone(), 1));
        assert_eq!(three(&failed, Ok(())), (Ok(()), 2));
        assert_eq!(three(&failed, failed.clone()), (failed.clone(), 3));
    }
}
