//! How a test says that it cannot run here. libtest has no word for it, so the word goes
//! past it: into a file that `cargo ebpf test` names.

use std::{env, ffi::OsString, fs::File, hint::black_box, io::Write as _, panic, thread};

/// The environment variable with the path of the file that takes a line for each skipped
/// test: its name, a tab, the reason.
pub const SKIPS: &str = "EBPF_TEST_SKIPS";

/// With the value `all`, no test may be skipped: one that cannot run fails, whatever runs it.
const REQUIRE: &str = "EBPF_TEST_REQUIRE";

/// By this section `cargo ebpf test --kernel` knows the test programs that it is about.
#[unsafe(link_section = ".ebpf_test")]
#[used]
static MARK: u8 = 1;

/// Keeps the mark in every test program that calls this crate.
pub(crate) fn mark() {
    black_box(&MARK);
}

/// Ends the test here: it cannot run, because of `reason`. `cargo ebpf test` shows it as
/// skipped; for any other runner it fails with a message that says so. Where the environment
/// has `EBPF_TEST_REQUIRE=all`, as for CI, it fails everywhere.
///
/// Called in another thread than the test's own, it fails the test wherever it runs:
/// nothing tells which one it belongs to.
#[track_caller]
pub fn skip(reason: &str) -> ! {
    mark();
    let required = env::var(REQUIRE).unwrap_or_default();
    end(env::var_os(SKIPS), &required, reason)
}

#[track_caller]
fn end(listener: Option<OsString>, required: &str, reason: &str) -> ! {
    if required.split(',').any(|word| word.trim() == "all") {
        panic!("this test cannot run, and {REQUIRE}=all forbids skipping: {reason}");
    }
    if let Some(path) = listener {
        let thread = thread::current();
        let line = line(thread.name().unwrap_or_default(), reason);
        let written = File::options()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if written.is_ok() {
            // As a panic, without its message: it is no failure.
            panic::resume_unwind(Box::new(format!("skipped: {reason}")));
        }
    }
    panic!(
        "skipped: {reason}\n\
         (The test did not run: `cargo ebpf test` shows it as skipped, but `cargo test` cannot.)"
    );
}

/// One line, whatever is in the words.
fn line(test: &str, reason: &str) -> String {
    let plain = |text: &str| text.replace(char::is_control, " ");
    format!("{}\t{}\n", plain(test), plain(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_is_one_line() {
        assert_eq!(line("a::b", "no\nluck\tat all"), "a::b\tno luck at all\n");
    }

    #[test]
    fn without_a_listener_it_fails_and_says_why() {
        let skipped = panic::catch_unwind(|| end(None, "", "no moon")).unwrap_err();
        let said = skipped.downcast::<String>().unwrap();
        assert!(said.starts_with("skipped: no moon"), "{said}");
    }

    #[test]
    fn where_all_is_required_no_listener_hears_of_it() {
        // Written to, it would be a line there.
        let listener = env::temp_dir().join(format!("ebpf-test-skips-{}", std::process::id()));
        File::create(&listener).unwrap();
        let path = listener.clone().into_os_string();
        let failed = panic::catch_unwind(|| end(Some(path), "all", "no moon")).unwrap_err();
        let lines = std::fs::read_to_string(&listener).unwrap();
        std::fs::remove_file(&listener).unwrap();
        assert_eq!(lines, "");
        let message = failed.downcast::<String>().unwrap();
        assert_eq!(
            *message,
            "this test cannot run, and EBPF_TEST_REQUIRE=all forbids skipping: no moon"
        );
    }
}
