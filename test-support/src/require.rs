//! Which skips are failures: `EBPF_TEST_REQUIRE`, and the exceptions from it.

use std::{env, sync::LazyLock};

use serde::Deserialize;

use crate::failed::Failed;

const VARIABLE: &str = "EBPF_TEST_REQUIRE";

/// What has to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Required {
    Nothing,
    These(Vec<String>),
    All,
}

/// A line of `permitted-skips.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Permitted {
    test: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    permitted: Vec<Permitted>,
}

static REQUIRED: LazyLock<Required> =
    LazyLock::new(|| required(&env::var(VARIABLE).unwrap_or_default()));

static PERMITTED: LazyLock<Vec<Permitted>> = LazyLock::new(|| {
    let text = include_str!("../permitted-skips.toml");
    let document: Document = toml::from_str(text).expect("permitted-skips.toml is valid");
    document.permitted
});

/// How a skip of the test ends: with the reason to show, or with a failure.
///
/// # Errors
/// When nothing may be lacking here, and the test has no exception.
pub(crate) fn skipped(test: &str, lacking: &str, reason: &str) -> Result<String, Failed> {
    judge(&REQUIRED, &PERMITTED, test, lacking, reason)
}

/// Why the test may be skipped everywhere, by its name without that of its program: libtest
/// prints no more.
pub(crate) fn permitted(name: &str) -> Option<&'static str> {
    let in_any_program = |one: &&Permitted| {
        let pattern = one.test.split_once("::").map(|(_program, test)| test);
        pattern.is_some_and(|pattern| matches(pattern, name))
    };
    PERMITTED
        .iter()
        .find(in_any_program)
        .map(|one| one.reason.as_str())
}

/// Whether a test that lacks this fails.
pub(crate) fn is_required(lacking: &str) -> bool {
    REQUIRED.is(lacking)
}

impl Required {
    fn is(&self, lacking: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::These(names) => names.iter().any(|name| name == lacking),
            Self::All => true,
        }
    }
}

fn judge(
    required: &Required,
    permitted: &[Permitted],
    test: &str,
    lacking: &str,
    reason: &str,
) -> Result<String, Failed> {
    if !required.is(lacking) {
        return Ok(reason.to_owned());
    }
    match permitted.iter().find(|one| matches(&one.test, test)) {
        Some(one) => Ok(format!("{reason} [permitted: {}]", one.reason)),
        None => Err(Failed::from(format!(
            "skipped, and {VARIABLE} requires {lacking}: {reason}"
        ))),
    }
}

fn required(value: &str) -> Required {
    let names: Vec<String> = value
        .split(',')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    if names.iter().any(|name| name == "all") {
        Required::All
    } else if names.is_empty() {
        Required::Nothing
    } else {
        Required::These(names)
    }
}

/// Whether `pattern` matches all of the text. `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices()
                .map(|(at, _)| at)
                .chain([rest.len()])
                .any(|at| matches(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exceptions() -> Vec<Permitted> {
        vec![Permitted {
            test: "kernel::a_*_offline".to_owned(),
            reason: "it is rude".to_owned(),
        }]
    }

    fn ends(value: &str, test: &str) -> Result<String, Failed> {
        judge(&required(value), &exceptions(), test, "perf", "no perf")
    }

    #[test]
    fn without_a_requirement_a_skip_is_one() {
        assert_eq!(ends("", "kernel::x"), Ok("no perf".to_owned()));
        assert_eq!(ends("guests, file", "kernel::x"), Ok("no perf".to_owned()));
    }

    #[test]
    fn what_is_required_fails() {
        for value in ["all", "guests,perf", " perf ,"] {
            let failed = ends(value, "kernel::x").unwrap_err();
            assert_eq!(
                failed.message(),
                "skipped, and EBPF_TEST_REQUIRE requires perf: no perf"
            );
            assert_eq!(failed.lacking(), None);
        }
    }

    #[test]
    fn an_exception_is_by_name() {
        let reason = ends("all", "kernel::a_cpu_goes_offline").unwrap();
        assert_eq!(reason, "no perf [permitted: it is rude]");
        assert!(ends("all", "kernel::a_cpu_goes_offline_again").is_err());
    }

    #[test]
    fn what_libtest_ignores_is_permitted_by_name() {
        assert!(permitted("fuzzing::tests::a_million_mutations").is_some());
        assert_eq!(permitted("a_million_mutations"), None);
    }

    #[test]
    fn a_star_matches_any_characters() {
        assert!(matches("a*c*", "abc"));
        assert!(matches("*", ""));
        assert!(!matches("a*c", "abcd"));
        assert!(!matches("abc", "ab"));
    }

    #[test]
    fn the_list_of_exceptions_is_valid() {
        assert!(
            PERMITTED
                .iter()
                .all(|one| one.test.contains("::") && !one.reason.is_empty())
        );
    }
}
