//! `cargo ebpf test` in a project whose tests run its eBPF programs: on this kernel, on
//! others in guests, and with plain `cargo test`. The project is made in cargo's folder
//! for tests, from the sources in `project/` and from the example in the documentation.

mod new;

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::LazyLock,
};

use serde_json::Value;
use test_support::{
    Suite, Test,
    machine::{CAPABILITIES, GUESTS, SETPRIV, TOOLCHAIN},
    tests,
};

const TESTS: &[Test<fn(&Project)>] = tests![
    skipped_tests_are_told_from_failed_ones: [CAPABILITIES],
    cargo_test_shows_no_skipped_test_as_passed,
    without_rights_all_is_skipped: [SETPRIV],
    a_test_is_chosen_by_name: [CAPABILITIES],
    a_rejected_program_is_explained: [CAPABILITIES],
    a_project_without_such_tests_is_told,
    new::every_type_is_built_verified_and_tested: [CAPABILITIES],
    new::a_loader_counts: [CAPABILITIES],
    every_kernel_runs_the_tests: [GUESTS],
    what_breaks_a_kernel_has_failed: [GUESTS],
];

fn main() -> ExitCode {
    Suite::new()
        // They share one project.
        .one_at_a_time()
        .needing(&[TOOLCHAIN])
        .tests_with(TESTS, |run| {
            static PROJECT: LazyLock<Project> = LazyLock::new(Project::open);
            run(&PROJECT);
            Ok(())
        })
        .run()
}

fn skipped_tests_are_told_from_failed_ones(project: &Project) {
    let ran = project.test(&[]).exits(0);
    ran.says("test every_packet_is_counted ... ok");
    ran.says("test no_kernel_runs_this ... ignored, it needs a  [31mmoon");
    ran.says("test d_passes ... ignored, it breaks the machine that it runs on");
    assert!(!ran.stdout.contains("FAILED"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{1b}'), "{}", ran.stdout);
    assert_eq!(ran.last_line(), "9 passed, 0 failed, 5 skipped");
}

fn cargo_test_shows_no_skipped_test_as_passed(project: &Project) {
    let mut command = project.command("cargo");
    command.args(["test", "--test", "programs", "no_kernel"]);
    let ran = run(&mut command).exits(101);
    ran.says("test no_kernel_runs_this ... FAILED");
    ran.says("skipped: it needs a");
    ran.says("`cargo ebpf test` shows it as skipped");
}

fn without_rights_all_is_skipped(project: &Project) {
    // Built with all rights, so that only the tests are without.
    project.test(&["--", "--no-run"]).exits(0);
    let mut command = project.command("setpriv");
    command
        .args(["--bounding-set=-all", "--inh-caps=-all", "--"])
        .arg(env!("CARGO_BIN_EXE_cargo-ebpf"))
        .args(["test", "--", "--test", "documented"]);
    let ran = run(&mut command).exits(0);
    ran.says("test every_packet_is_counted ... ignored, this process is not permitted");
    assert_eq!(ran.last_line(), "0 passed, 0 failed, 1 skipped");
}

fn a_test_is_chosen_by_name(project: &Project) {
    let ran = project.test(&["--kernel", "host", "--", "every_packet"]);
    let ran = ran.exits(0);
    ran.says("test host watch::documented every_packet_is_counted ... ok");
    assert_eq!(ran.last_line(), "1 passed, 0 failed, 0 skipped");
}

/// The text is that of `verify`, and docs/testing.md shows it.
fn a_rejected_program_is_explained(project: &Project) {
    let ran = project.test(&["--", "--test", "rejected"]).exits(1);
    ran.says("test the_protocol_is_returned ... FAILED");
    ran.says("Error: the kernel rejected the program `unchecked`\n");
    let page = fs::read_to_string(in_repo("docs/testing.md")).unwrap();
    let shown: Vec<_> = page
        .lines()
        .skip_while(|line| !line.starts_with("Error: the kernel rejected"))
        .take_while(|line| *line != "```")
        // Registers and instructions depend on the compiler, messages on the kernel.
        .filter(|line| {
            ["error[", "help:", "rule:", "|     u32::from(", "--> "]
                .iter()
                .any(|part| line.contains(part))
        })
        .collect();
    assert_eq!(shown.len(), 5, "{shown:#?}");
    for line in shown {
        ran.says(line.trim());
    }
    // What the kernel logged before its last line.
    ran.check(!ran.stdout.contains("R10=fp0"), "no raw log");
}

fn a_project_without_such_tests_is_told(project: &Project) {
    let ran = project.test(&["--kernel", "host", "--", "--lib"]).exits(1);
    ran.says("error[guest-tests-missing]: ");
    ran.says("  fix: cargo add --dev ebpf-test");
}

fn every_kernel_runs_the_tests(project: &Project) {
    let ran = project.test(&[
        "--kernel",
        "5.10,6.12",
        "--format",
        "json",
        "--",
        "--test",
        "programs",
        "--test",
        "documented",
    ]);
    let document = ran.exits(0).json();
    assert_eq!(document["complete"], true);
    assert_eq!(document["failed"], 0);
    // 5.10 lacks one thing, and both the moon.
    assert_eq!(
        (&document["passed"], &document["skipped"]),
        (&15.into(), &3.into())
    );
    let [old, new] = [0, 1].map(|kernel| &document["kernels"][kernel]);
    assert!(
        old["release"].as_str().unwrap().starts_with("5.10."),
        "{old}"
    );
    assert!(
        new["release"].as_str().unwrap().starts_with("6.12."),
        "{new}"
    );
    let reason = |kernel: &Value| {
        let programs = kernel["programs"].as_array().unwrap().iter();
        let mut tests = programs.flat_map(|program| program["tests"].as_array().unwrap());
        let test = tests.find(|test| test["name"] == "kernels_before_6_6_skip_this");
        test.unwrap()["reason"].as_str().map(str::to_owned)
    };
    assert!(
        reason(old)
            .unwrap()
            .starts_with("requires Linux 6.6, but this is 5.10.")
    );
    assert_eq!(reason(new), None);
}

fn what_breaks_a_kernel_has_failed(project: &Project) {
    let ran = project.test(&[
        "--kernel",
        "6.1",
        "--timeout",
        "20",
        "--",
        "--test",
        "breaking",
    ]);
    let ran = ran.exits(1);
    ran.says("breaking a_panics ... FAILED\n    Linux 6.1.");
    ran.says("panicked while it ran the test `a_panics`: sysrq triggered crash");
    ran.says("breaking b_fails ... FAILED\n    ---- b_fails stdout ----\n    a word before");
    ran.says("was killed after 20 s while it ran the test `c_hangs`");
    ran.says("breaking d_passes ... ok");
    assert_eq!(ran.last_line(), "1 passed, 3 failed, 0 skipped");
}

/// The project. It stays between runs, so that core and aya are compiled once.
struct Project {
    root: PathBuf,
    /// Another run of this suite waits.
    _lock: File,
}

impl Project {
    fn open() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
        fs::create_dir_all(&root).unwrap();
        let lock = File::create(root.join(".lock")).unwrap();
        lock.lock().unwrap();
        let project = Self {
            root: fs::canonicalize(root).unwrap(),
            _lock: lock,
        };
        // The versions that this repo is known to build with.
        for (lock, from) in [
            ("Cargo.lock", "Cargo.lock"),
            ("watch-ebpf/Cargo.lock", "lock-ebpf/Cargo.lock"),
        ] {
            if !project.root.join(lock).exists() {
                project.write(lock, &fs::read_to_string(in_repo(from)).unwrap());
            }
        }
        for file in [
            "Cargo.toml",
            "watch/Cargo.toml",
            "watch/build.rs",
            "watch/src/lib.rs",
            "watch/tests/breaking.rs",
            "watch/tests/programs.rs",
            "watch/tests/rejected.rs",
            "watch-ebpf/Cargo.toml",
            "watch-ebpf/.cargo/config.toml",
            "watch-ebpf/src/main.rs",
        ] {
            let source = in_repo("cargo-ebpf/tests/programs/project").join(file);
            let mut text = fs::read_to_string(&source).unwrap();
            for part in ["ebpf-build", "ebpf-test"] {
                let path = fs::canonicalize(in_repo(part)).unwrap();
                text = text.replace(&format!("{{{part}}}"), path.to_str().unwrap());
            }
            project.write(file, &text);
        }
        project.write("watch/tests/documented.rs", &documented());
        project
    }

    /// A file that is right already keeps its time: nothing is built for it.
    fn write(&self, path: &str, content: &str) {
        let path = self.root.join(path);
        if fs::read(&path).is_ok_and(|old| old == content.as_bytes()) {
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// `cargo ebpf test`.
    #[track_caller]
    fn test(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(env!("CARGO_BIN_EXE_cargo-ebpf"));
        run(command.arg("test").args(arguments))
    }

    /// A program in the project's root, with the environment of a user's terminal.
    fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command.current_dir(&self.root);
        command
    }
}

fn in_repo(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The example of the documentation, with the names of the project's binary, program and map.
fn documented() -> String {
    const NAMES: [(&str, &str); 3] = [
        ("/my-program", "/watch"),
        ("\"count_xdp\"", "\"watch\""),
        ("\"XDP_COUNT\"", "\"COUNTS\""),
    ];
    let page = fs::read_to_string(in_repo("docs/testing.md")).unwrap();
    let (_, after) = page.split_once("```rust\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    NAMES
        .iter()
        .fold(example.to_owned(), |text, (shown, here)| {
            assert!(text.contains(shown), "{shown} is in docs/testing.md");
            text.replace(shown, here)
        })
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let network = [
            "CARGO_HOME",
            "CARGO_HTTP_",
            "CARGO_NET_",
            "CARGO_REGISTR",
            "CARGO_SOURCE_",
        ];
        let cargos =
            name.starts_with("CARGO") && !network.iter().any(|kept| name.starts_with(kept));
        if cargos
            || [
                "EBPF_TEST_REQUIRE",
                "EBPF_TEST_SKIPS",
                "EBPF_BUILD_REQUIRED",
                "LD_LIBRARY_PATH",
                "RUST_BACKTRACE",
            ]
            .contains(&&*name)
        {
            command.env_remove(&*name);
        }
    }
    command
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null());
    command
}

/// A program that has ended.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ran {
    #[track_caller]
    fn check(&self, holds: bool, what: &str) {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        assert!(
            holds,
            "{what}\nexit code {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---"
        );
    }

    #[track_caller]
    fn exits(self, code: i32) -> Self {
        self.check(self.code == Some(code), &format!("exit code {code}"));
        self
    }

    #[track_caller]
    fn says(&self, text: &str) {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        self.check(said, &format!("says {text:?}"));
    }

    fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    #[track_caller]
    fn json(&self) -> Value {
        let document = test_support::document(self.stdout.as_bytes());
        self.check(document.is_ok(), "one JSON document on stdout");
        document.unwrap()
    }
}
