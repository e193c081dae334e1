//! What `cargo test` printed, summed up over all test programs.

use serde::Serialize;

/// How many tests did what.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TestLog {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// As the test programs counted them: those that run quietly name none.
    pub(crate) skipped: u64,
    pub(crate) skipped_tests: Vec<Skipped>,
}

/// A test that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Skipped {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

impl TestLog {
    /// Takes in one line of output.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some((passed, failed, skipped)) = summary(line) {
            self.passed += passed;
            self.failed += failed;
            self.skipped += skipped;
        } else if let Some(skipped) = skipped(line) {
            self.skipped_tests.push(skipped);
        }
    }
}

/// `test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; ...`,
/// as libtest and libtest-mimic print it.
fn summary(line: &str) -> Option<(u64, u64, u64)> {
    let (_verdict, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |name: &str| -> Option<u64> {
        counts
            .split(';')
            .find_map(|part| part.trim().strip_suffix(name))?
            .trim()
            .parse()
            .ok()
    };
    Some((count("passed")?, count("failed")?, count("ignored")?))
}

/// `test NAME ... ignored`, with a reason as libtest adds it (`ignored, REASON`) or as
/// libtest-mimic does (`ignored (REASON)`, and blanks after the name).
fn skipped(line: &str) -> Option<Skipped> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    let reason = rest
        .strip_prefix(", ")
        .or_else(|| rest.strip_prefix(" (")?.strip_suffix(')'));
    (rest.is_empty() || reason.is_some()).then(|| Skipped {
        name: name.trim().to_owned(),
        reason: reason.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str]) -> TestLog {
        let mut log = TestLog::default();
        lines.iter().for_each(|line| log.read(line));
        log
    }

    #[test]
    fn programs_are_summed() {
        let log = log(&[
            "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 4 filtered out; finished in 0.00s\n",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s\n",
        ]);
        assert_eq!((log.passed, log.failed, log.skipped), (14, 1, 3));
    }

    #[test]
    fn skipped_tests_keep_their_reason() {
        let log = log(&[
            "test loads ... ignored, this kernel has no BTF",
            "test by_attribute ... ignored",
            "test pads_its_name       ... ignored (not root (uid 1000))",
        ]);
        let skipped: Vec<_> = log
            .skipped_tests
            .iter()
            .map(|test| (test.name.as_str(), test.reason.as_deref()))
            .collect();
        assert_eq!(
            skipped,
            [
                ("loads", Some("this kernel has no BTF")),
                ("by_attribute", None),
                ("pads_its_name", Some("not root (uid 1000)")),
            ]
        );
    }

    #[test]
    fn what_only_looks_alike_does_not_count() {
        let log = log(&[
            "test result: ok",
            "test result: ok. many passed; 0 failed; 0 ignored",
            "test fine ... ok",
            "running 3 tests",
            "the test result: ok. 1 passed; 0 failed; 0 ignored",
            "test x ... ignoredly",
        ]);
        assert_eq!(log, TestLog::default());
    }
}
