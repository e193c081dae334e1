//! The tests that a log names as skipped, compared with those that may be.

use std::{collections::BTreeMap, fmt};

use crate::require::permitted;

/// The skipped tests of a log.
#[derive(Debug, Default)]
pub struct Skips {
    /// By name: the reasons, the one given by the test and that of the permission.
    tests: BTreeMap<String, (String, Option<&'static str>)>,
}

impl Skips {
    /// Reads the output of test programs, with colours or without.
    pub fn in_log(log: &str) -> Self {
        let tests = log.lines().filter_map(skipped).map(|(name, reason)| {
            let permission = permitted(&name);
            (name, (reason, permission))
        });
        Self {
            tests: tests.collect(),
        }
    }

    /// Whether each of them is in `permitted-skips.toml`.
    pub fn are_permitted(&self) -> bool {
        self.tests
            .values()
            .all(|(_reason, permission)| permission.is_some())
    }
}

/// How many there are, and a line for each with its reason.
impl fmt::Display for Skips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} skipped", self.tests.len())?;
        for (name, (reason, permission)) in &self.tests {
            let permission = permission.unwrap_or("NOT PERMITTED by permitted-skips.toml");
            writeln!(f, "  {name}: {reason} ({permission})")?;
        }
        Ok(())
    }
}

/// `test NAME ... ignored, REASON` of libtest, `test NAME ... ignored (REASON)` of
/// libtest-mimic.
fn skipped(line: &str) -> Option<(String, String)> {
    let line = without_colours(line);
    let (name, rest) = line
        .trim()
        .strip_prefix("test ")?
        .split_once(" ... ignored")?;
    let reason = rest
        .strip_prefix(", ")
        .or_else(|| rest.strip_prefix(" (")?.strip_suffix(')'));
    // The reason repeats the permission already where the test asked for it.
    let reason = reason.unwrap_or("no reason given").split(" [permitted: ");
    let reason = reason.into_iter().next().unwrap_or_default();
    Some((name.trim().to_owned(), reason.to_owned()))
}

/// The line without the sequences `ESC [ ... m`.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    plain.extend(parts.map(|part| part.split_once('m').map_or(part, |(_colour, text)| text)));
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_lines_are_read() {
        let log = "test a::fine ... ok\n\
                   test a::by_libtest ... ignored, it is slow\n\
                   test by_mimic  ... \u{1b}[33mignored\u{1b}[0m (no perf)\n\
                   test plain ... ignored\n\
                   test result: ok. 3 passed; 0 failed; 3 ignored\n";
        let shown = Skips::in_log(log).to_string();
        let start = |reason| format!("{reason} (NOT PERMITTED by permitted-skips.toml)\n");
        assert_eq!(
            shown,
            format!(
                "3 skipped\n  a::by_libtest: {}  by_mimic: {}  plain: {}",
                start("it is slow"),
                start("no perf"),
                start("no reason given")
            )
        );
    }

    #[test]
    fn one_that_is_not_listed_is_not_permitted() {
        let listed = "test a_cpu_can_go_offline ... ignored (asks [permitted: it takes a CPU])\n";
        let skips = Skips::in_log(listed);
        assert!(skips.are_permitted(), "{skips}");
        assert!(!skips.to_string().contains("[permitted"), "{skips}");
        let more = format!("{listed}test new ... ignored\n");
        assert!(!Skips::in_log(&more).are_permitted());
        assert!(Skips::in_log("").are_permitted());
    }
}
