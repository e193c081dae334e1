//! The little projects that everything is tried on, and programs run in them as a user
//! would run them.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
};

use serde_json::Value;

/// The program's source: what most tests edit.
pub(crate) const PROGRAM: &str = "probe-ebpf/src/main.rs";
/// The object that `build` makes of it.
pub(crate) const OBJECT: &str = "target/ebpf/probe";

/// The sources of a project, in a folder beside this file.
pub(crate) struct Sources {
    /// As the project's folder is called.
    pub(crate) name: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) files: &'static [&'static str],
    /// The folder of its eBPF crate.
    pub(crate) ebpf: &'static str,
}

/// The project of most tests.
pub(crate) const PROJECT: Sources = Sources {
    name: "pipeline",
    folder: "project",
    files: &[
        "Cargo.toml",
        "probe/Cargo.toml",
        "probe/build.rs",
        "probe/src/main.rs",
        "probe-ebpf/Cargo.toml",
        "probe-ebpf/.cargo/config.toml",
        PROGRAM,
    ],
    ebpf: "probe-ebpf",
};

/// A project. It stays between runs, so that core is compiled once, and is put back
/// as it was before each test.
pub(crate) struct Project {
    root: PathBuf,
    sources: &'static Sources,
    /// Another run of this suite waits.
    _lock: File,
}

impl Project {
    pub(crate) fn open(sources: &'static Sources) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(sources.name);
        fs::create_dir_all(&root).unwrap();
        let lock = File::create(root.join(".lock")).unwrap();
        lock.lock().unwrap();
        let project = Self {
            root: fs::canonicalize(root).unwrap(),
            sources,
            _lock: lock,
        };
        // The versions that this repo is known to build with.
        let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (lock, from) in [
            ("Cargo.lock".to_owned(), "Cargo.lock"),
            (
                format!("{}/Cargo.lock", sources.ebpf),
                "lock-ebpf/Cargo.lock",
            ),
        ] {
            if !project.path(&lock).exists() {
                project.write(&lock, &fs::read_to_string(repo.join(from)).unwrap());
            }
        }
        project
    }

    /// Puts back every source that a test may have changed.
    pub(crate) fn restore(&self) {
        let ebpf_build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ebpf-build");
        let ebpf_build = fs::canonicalize(ebpf_build).unwrap();
        for file in self.sources.files {
            let source = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/pipeline")
                .join(self.sources.folder)
                .join(file);
            let text = fs::read_to_string(&source).unwrap();
            self.write(
                file,
                &text.replace("{ebpf-build}", ebpf_build.to_str().unwrap()),
            );
        }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A file that is right already keeps its time: nothing is built for it.
    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        if fs::read(&path).is_ok_and(|old| old == content.as_bytes()) {
            return;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Replaces what is there exactly once.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from} in {path}");
        self.write(path, &text.replace(from, to));
    }

    pub(crate) fn object(&self) -> Vec<u8> {
        fs::read(self.path(OBJECT)).unwrap()
    }

    /// The files in `target/ebpf`, half-written ones too. The big-endian object has a
    /// folder of its own.
    pub(crate) fn objects(&self) -> Vec<String> {
        let folder = self.path("target/ebpf");
        let mut names = names_in(&folder);
        names.retain(|name| folder.join(name).is_file());
        names
    }

    /// `cargo-ebpf` in the project's root.
    pub(crate) fn ebpf(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_cargo-ebpf"));
        command.args(arguments);
        command
    }

    /// Any program in the project's root.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = command(program);
        command.current_dir(&self.root);
        command
    }

    /// Builds the project as it is.
    #[track_caller]
    pub(crate) fn build(&self) -> Ran {
        run(&mut self.ebpf(&["build"])).exits(0)
    }
}

/// The names in a folder; none where there is no folder.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// A shell script that can be run.
pub(crate) fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A program with the environment of a user's terminal: nothing of the cargo that runs
/// this test, and no linker but what `setup` has made.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if is_foreign(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
        .env("PATH", path())
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn is_foreign(name: &str) -> bool {
    const NETWORK: [&str; 5] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
    ];
    if name.starts_with("CARGO") {
        return !NETWORK.iter().any(|kept| name.starts_with(kept));
    }
    name.starts_with("RUSTC")
        || [
            "EBPF_BUILD_REQUIRED",
            "LD_LIBRARY_PATH",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ]
        .contains(&name)
}

/// PATH without any bpf-linker. Where there is one, a folder of links to all that is
/// beside it takes the place: that may be cargo.
fn path() -> &'static OsStr {
    static PATH: LazyLock<OsString> = LazyLock::new(|| {
        let mirrors = Path::new(env!("CARGO_TARGET_TMPDIR")).join("without-linker");
        let folders = env::var_os("PATH").unwrap();
        let folders = env::split_paths(&folders)
            .enumerate()
            .map(|(place, folder)| {
                if !folder.join("bpf-linker").exists() {
                    return folder;
                }
                let mirror = mirrors.join(place.to_string());
                fs::create_dir_all(&mirror).unwrap();
                for name in names_in(&folder) {
                    if name != "bpf-linker" {
                        // It may be there from a run before.
                        symlink(folder.join(&name), mirror.join(&name)).ok();
                    }
                }
                mirror
            });
        env::join_paths(folders).unwrap()
    });
    &PATH
}

/// PATH without the folders that have rustup's programs.
pub(crate) fn path_without_rustup() -> OsString {
    let folders = env::split_paths(path());
    env::join_paths(folders.filter(|folder| !folder.join("rustup").exists())).unwrap()
}

/// PATH with one more folder, before all others.
pub(crate) fn path_with(folder: &Path) -> OsString {
    let first = [folder.to_owned()].into_iter();
    env::join_paths(first.chain(env::split_paths(path()))).unwrap()
}

/// What this machine builds with.
pub(crate) struct Tools {
    pub(crate) rustc: PathBuf,
    pub(crate) linker: PathBuf,
}

/// The tools, or why there are none: then nothing can be built here.
pub(crate) fn tools() -> Result<&'static Tools, String> {
    static TOOLS: LazyLock<Result<Tools, String>> = LazyLock::new(|| {
        let env = ["env", "--format", "json"];
        let ran = run(command(env!("CARGO_BIN_EXE_cargo-ebpf")).args(env));
        let document = ran.json();
        if document["error"].is_object() {
            let field = |name: &str| document["error"][name].as_str().unwrap_or_default();
            return Err(format!(
                "without what may be on PATH: {}; needed first: {}",
                field("message"),
                field("fix")
            ));
        }
        let export = |name: &str| {
            let exports = document["exports"].as_array().unwrap();
            let found = exports.iter().find(|export| export["name"] == name);
            PathBuf::from(found.unwrap()["value"].as_str().unwrap())
        };
        Ok(Tools {
            rustc: export("RUSTC"),
            linker: export("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER"),
        })
    });
    TOOLS.as_ref().map_err(Clone::clone)
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    line: String,
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs to the end.
pub(crate) fn run(command: &mut Command) -> Ran {
    finish(command.spawn().unwrap(), &format!("{command:?}"))
}

/// Waits for the end.
pub(crate) fn finish(child: Child, line: &str) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        line: line.to_owned(),
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    #[track_caller]
    fn check(&self, holds: bool, what: &str) {
        let Self {
            line,
            code,
            stdout,
            stderr,
        } = self;
        assert!(
            holds,
            "{what}\n$ {line}\nexit code {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---"
        );
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        self.check(self.code == Some(code), &format!("exit code {code}"));
        self
    }

    /// That stdout or stderr has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        self.check(said, &format!("says {text:?}"));
        self
    }

    /// That neither stdout nor stderr has this text.
    #[track_caller]
    pub(crate) fn keeps_silent(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        self.check(!said, &format!("does not say {text:?}"));
        self
    }

    /// That it ended with exit code 1 and one error of ours, with this code, in one
    /// sentence that has `name` in it; what mends it is said.
    #[track_caller]
    pub(crate) fn refuses(self, code: &str, name: &str) -> Self {
        let ran = self.exits(1);
        let errors = ran.labelled("error");
        ran.check(
            errors.len() == 1
                && errors[0].starts_with(&format!("error[{code}]: "))
                && errors[0].contains(name),
            &format!("one error[{code}] about {name}"),
        );
        ran.check(ran.stderr.contains("\n  fix: "), "a fix");
        ran
    }

    /// That one warning of ours has this code, in one sentence with `name` in it.
    #[track_caller]
    pub(crate) fn warns(self, code: &str, name: &str) -> Self {
        let warnings = self.labelled("warning");
        self.check(
            warnings.len() == 1
                && warnings[0].starts_with(&format!("warning[{code}]: "))
                && warnings[0].contains(name),
            &format!("one warning[{code}] about {name}"),
        );
        self
    }

    /// The first lines of our own findings. Rustc's codes begin with a capital letter.
    fn labelled(&self, label: &str) -> Vec<&str> {
        let label = format!("{label}[");
        let ours = |line: &&str| {
            let code = line.strip_prefix(&label);
            code.is_some_and(|code| code.starts_with(|first: char| first.is_ascii_lowercase()))
        };
        self.stderr.lines().filter(ours).collect()
    }

    /// That no compiler was started.
    #[track_caller]
    pub(crate) fn compiles_nothing(self) -> Self {
        self.keeps_silent("Compiling")
    }

    /// The document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let document = test_support::document(self.stdout.as_bytes());
        self.check(document.is_ok(), "one JSON document on stdout");
        document.unwrap()
    }
}
