//! What `cargo test` starts in the place of each test program: the program itself, with a
//! file for the tests that cannot run. libtest counts those as failed; here they become
//! ignored ones, with their reason, in its own words.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::Path,
};

use ebpf_build::{Error, Result};

use crate::{
    host::{exit::exit_code, process::Spawner},
    outcome::Outcome,
    testing::skips::{Skip, Skips},
};

/// cargo's argument that makes `program`, this one, the runner of test programs. None if its
/// path is not UTF-8, which cargo cannot be given.
pub(crate) fn setting(program: &Path) -> Option<String> {
    // Of strings, what JSON writes is TOML as well.
    let runner = serde_json::json!([program.to_str()?, COMMAND]);
    // A runner of the user's for just this target comes before one for all.
    Some(format!("target.'cfg(all())'.runner={runner}"))
}

/// As the command line knows it.
const COMMAND: &str = "test-runner";

/// Runs the command: one test program.
///
/// # Errors
/// When it cannot be started or its output cannot be passed on.
pub(crate) fn run(command: &[OsString], spawner: &Spawner) -> Result<Outcome> {
    let Some((program, arguments)) = command.split_first() else {
        return Ok(Outcome::Fine);
    };
    let skips = Skips::new()?;
    let mut filter = Filter::default();
    let process = spawner.stand_in(program).args(arguments);
    let status = skips
        .pass_to(process)
        .each_line(|line| show(&filter.read(line, || skips.all())))?;
    show(&filter.rest())?;
    // libtest's exit code where a test failed.
    const FAILED: u8 = 101;
    let code = exit_code(status);
    Ok(if code == FAILED && filter.only_skipped {
        Outcome::Fine
    } else {
        Outcome::Child(code)
    })
}

fn show(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::io("write to", Path::new("the output"), &cause))
        }
        _ => Ok(()),
    }
}

/// Reads libtest's output, and takes the failures out of it that are none.
#[derive(Debug, Default)]
struct Filter {
    /// The end of the output, from `failures:` on, until all of it is there.
    failures: Option<Vec<String>>,
    /// Tests that were skipped, and passed in libtest's eyes: they expect a panic.
    caught: u64,
    /// Whether no test failed but those that were skipped.
    only_skipped: bool,
}

impl Filter {
    /// What is to be shown after `line`.
    fn read(&mut self, line: &str, skips: impl Fn() -> Vec<Skip>) -> String {
        if let Some(failures) = &mut self.failures {
            if !line.starts_with(SUMMARY) {
                failures.push(line.to_owned());
                return String::new();
            }
            let failures = std::mem::take(failures);
            self.failures = None;
            return self.end(&failures, line, &skips());
        }
        if line.trim_end() == FAILURES {
            self.failures = Some(Vec::new());
            return String::new();
        }
        if line.starts_with(SUMMARY) {
            return summed(line, 0, self.caught);
        }
        let Some((name, passed)) = ended(line) else {
            return line.to_owned();
        };
        match skips().into_iter().find(|skip| skip.test == name) {
            Some(Skip { test, reason }) => {
                self.caught += u64::from(passed);
                format!("test {test} ... ignored, {reason}\n")
            }
            None => line.to_owned(),
        }
    }

    /// What is left when the output ends: a program that crashed has no summary.
    fn rest(&mut self) -> String {
        let failures = self.failures.take();
        failures.map_or_else(String::new, |lines| {
            format!("{FAILURES}\n{}", lines.concat())
        })
    }

    /// The failures that are some, and the sums.
    fn end(&mut self, failures: &[String], summary: &str, skips: &[Skip]) -> String {
        let is_skipped = |name: &str| skips.iter().any(|skip| skip.test == name);
        // Twice the same title: before what the tests printed, and before their names.
        let names_at = failures
            .iter()
            .rposition(|line| line.trim_end() == FAILURES);
        let (printed, names) = match names_at {
            Some(at) => failures.split_at(at),
            // Where none of them printed anything.
            None => (&[][..], failures),
        };
        let names: Vec<&String> = names
            .iter()
            .filter(|line| line.starts_with("    "))
            .collect();
        let (skipped, failed): (Vec<&String>, Vec<&String>) =
            names.into_iter().partition(|line| is_skipped(line.trim()));
        if skipped.is_empty() {
            let summary = summed(summary, 0, self.caught);
            return format!("{FAILURES}\n{}{summary}", failures.concat());
        }
        self.only_skipped = failed.is_empty();
        let mut text = String::new();
        if !failed.is_empty() {
            text += &format!("{FAILURES}\n");
            let mut shown = true;
            for line in printed {
                let title = line
                    .strip_prefix("---- ")
                    .and_then(|rest| rest.trim_end().strip_suffix(" stdout ----"));
                if let Some(name) = title {
                    shown = !is_skipped(name);
                }
                if shown {
                    text += line;
                }
            }
            text += &format!("{FAILURES}\n");
            text.extend(failed.iter().map(|line| line.as_str()));
            text += "\n";
        }
        text + &summed(summary, skipped.len() as u64, self.caught)
    }
}

const FAILURES: &str = "failures:";
const SUMMARY: &str = "test result: ";

/// The test that a line tells the end of, and whether it passed.
fn ended(line: &str) -> Option<(&str, bool)> {
    let (name, result) = line
        .strip_prefix("test ")?
        .trim_end()
        .rsplit_once(" ... ")?;
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    match result {
        "ok" => Some((name, true)),
        "FAILED" => Some((name, false)),
        _ => None,
    }
}

/// The summary with so many of the failed tests, and so many of those that passed, among
/// the ignored ones.
fn summed(summary: &str, failed: u64, passed: u64) -> String {
    let Some((verdict, counts)) = summary.split_once(". ").filter(|_| failed + passed > 0) else {
        return summary.to_owned();
    };
    let mut all_well = verdict.ends_with(" ok");
    let counts = counts.split("; ").map(|part| {
        let (number, what) = part.split_once(' ').unwrap_or((part, ""));
        match (number.parse::<u64>(), what) {
            (Ok(number), "passed") => format!("{} passed", number.saturating_sub(passed)),
            (Ok(number), "failed") => {
                let left = number.saturating_sub(failed);
                all_well = left == 0;
                format!("{left} failed")
            }
            (Ok(number), "ignored") => format!("{} ignored", number + failed + passed),
            _ => part.to_owned(),
        }
    });
    let counts = counts.collect::<Vec<_>>().join("; ");
    let verdict = if all_well { "ok" } else { "FAILED" };
    format!("{SUMMARY}{verdict}. {counts}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test fine ... ok
test needs_more ... FAILED
test never ... ignored, no moon
test wrong ... FAILED

failures:

---- needs_more stdout ----
some words

---- wrong stdout ----

thread 'wrong' (7) panicked at src/lib.rs:1:1:
oh


failures:
    needs_more
    wrong

test result: FAILED. 1 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    fn filtered(output: &str, skipped: &[&str]) -> (String, bool) {
        let skips: Vec<_> = skipped
            .iter()
            .map(|test| Skip {
                test: (*test).to_owned(),
                reason: "no rights".to_owned(),
            })
            .collect();
        let mut filter = Filter::default();
        let lines = output.split_inclusive('\n');
        let mut text: String = lines
            .map(|line| filter.read(line, || skips.clone()))
            .collect();
        text += &filter.rest();
        (text, filter.only_skipped)
    }

    #[test]
    fn what_nobody_skipped_stays_as_it_is() {
        assert_eq!(filtered(OUTPUT, &[]), (OUTPUT.to_owned(), false));
    }

    #[test]
    fn a_test_that_expects_a_panic_has_not_passed_by_a_skip() {
        let output = "test panics - should panic ... ok\n\n\
                      test result: ok. 3 passed; 0 failed; 0 ignored; finished in 0.00s\n";
        let expected = "test panics ... ignored, no rights\n\n\
                        test result: ok. 2 passed; 0 failed; 1 ignored; finished in 0.00s\n";
        assert_eq!(filtered(output, &["panics"]).0, expected);
        assert_eq!(filtered(output, &[]).0, output);
    }

    #[test]
    fn nothing_is_lost_of_a_program_that_crashes() {
        let (cut, _) = OUTPUT.split_once("test result").unwrap();
        assert_eq!(filtered(cut, &["needs_more"]).0.matches("oh").count(), 1);
    }

    #[test]
    fn a_skipped_test_is_an_ignored_one() {
        let expected = "
running 4 tests
test fine ... ok
test needs_more ... ignored, no rights
test never ... ignored, no moon
test wrong ... FAILED

failures:

---- wrong stdout ----

thread 'wrong' (7) panicked at src/lib.rs:1:1:
oh


failures:
    wrong

test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s
";
        assert_eq!(
            filtered(OUTPUT, &["needs_more"]),
            (expected.to_owned(), false)
        );
    }

    #[test]
    fn where_all_failures_were_skips_all_is_well() {
        let (text, only_skipped) = filtered(OUTPUT, &["needs_more", "wrong"]);
        assert!(only_skipped);
        assert!(!text.contains("failures:"), "{text}");
        assert!(
            text.ends_with("test result: ok. 1 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.00s\n"),
            "{text}"
        );
    }
}
