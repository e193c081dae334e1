//! The object that this project ships, `target/ebpf/lock`, as other programs read and load it:
//! the checklist's section on verification.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::LazyLock,
};

use test_support::{
    Failed, Outcome, Suite, Test,
    machine::{
        BPFTOOL, CAPABILITIES, FILE, KERNEL_BTF, LLVM_OBJDUMP, MOUNT_NAMESPACE, TOOLCHAIN,
        find_program, llvm_objdump,
    },
    tests,
};

type OfShipped = fn(&Shipped) -> Outcome;

const TESTS: &[Test<OfShipped>] = tests![
    file_identifies_it: [FILE],
    objdump_shows_instructions_with_rust_source: [LLVM_OBJDUMP],
    bpftool_loads_and_pins_every_program: [BPFTOOL, CAPABILITIES, KERNEL_BTF, MOUNT_NAMESPACE],
];

/// A program of the object for each hook that lock attaches to.
const PROGRAMS: [&str; 7] = [
    "contended_release",
    "contention_begin",
    "contention_end",
    "sched_process_fork",
    "sched_process_free",
    "sched_switch",
    "sched_waking",
];

fn main() -> ExitCode {
    Suite::new()
        .needing(&[TOOLCHAIN])
        .tests_with(TESTS, |run| {
            static SHIPPED: LazyLock<Result<Shipped, Failed>> = LazyLock::new(Shipped::build);
            run(SHIPPED.as_ref().map_err(Clone::clone)?)
        })
        .run()
}

/// The object, up to date.
struct Shipped {
    path: PathBuf,
}

impl Shipped {
    /// Builds it as `cargo xtask build` does, which compiles nothing where it is fresh.
    ///
    /// Cargo locks the target directory: this and another build take turns.
    fn build() -> Result<Self, Failed> {
        let report = output(&mut pipeline_build())?;
        let report = test_support::document(report.as_bytes())?;
        let objects = report["objects"].as_array().into_iter().flatten();
        let paths: Vec<_> = objects
            .filter_map(|object| object["path"].as_str())
            .map(PathBuf::from)
            .collect();
        let [path] = <[PathBuf; 1]>::try_from(paths)
            .map_err(|paths| format!("not one object, but {paths:?}"))?;
        if !path.ends_with("ebpf/lock") {
            return Err(format!("not target/ebpf/lock, but {}", path.display()).into());
        }
        Ok(Self { path })
    }
}

fn file_identifies_it(shipped: &Shipped) -> Outcome {
    let line = output(Command::new("file").arg("--brief").arg(&shipped.path))?;
    contains(&line, &["ELF 64-bit LSB relocatable, eBPF, version 1"])
}

fn objdump_shows_instructions_with_rust_source(shipped: &Shipped) -> Outcome {
    let objdump = llvm_objdump().ok_or("llvm-objdump is gone")?;
    let listing = output(Command::new(objdump).arg("-S").arg(&shipped.path))?;
    contains(&listing, &["file format elf64-bpf", "\tcall ", "\texit\n"])?;
    // Whatever the compiler inlined, some statement of the programs' own file is there.
    let source = include_str!("../../lock-ebpf/src/main.rs");
    let statements: BTreeSet<&str> = source
        .lines()
        .map(str::trim)
        .filter(|line| line.contains('('))
        .collect();
    let is_shown = |line: &str| {
        let source = line.strip_prefix(';');
        source.is_some_and(|source| statements.contains(source.trim()))
    };
    if !listing.lines().any(is_shown) {
        return Err("no line of lock-ebpf/src/main.rs is among the instructions".into());
    }
    Ok(())
}

/// The pins are in a file system of the command's own mount namespace, which ends with it.
fn bpftool_loads_and_pins_every_program(shipped: &Shipped) -> Outcome {
    const SCRIPT: &str = "set -e
        mount -t bpf bpf /sys/fs/bpf
        \"$1\" prog loadall \"$2\" /sys/fs/bpf/lock
        ls /sys/fs/bpf/lock";
    let bpftool = find_program("bpftool").ok_or("bpftool is gone")?;
    let pins = output(
        Command::new("unshare")
            .args(["--mount", "sh", "-c", SCRIPT, "sh"])
            .arg(bpftool)
            .arg(&shipped.path),
    )?;
    let pinned: BTreeSet<&str> = pins.lines().collect();
    if pinned != BTreeSet::from(PROGRAMS) {
        return Err(format!("pinned are {pinned:?}").into());
    }
    Ok(())
}

/// `cargo ebpf build` of this repository, outside of the cargo that runs this.
fn pipeline_build() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        // What cargo sets for a package that it builds or tests.
        if text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || text.starts_with("CARGO_BIN_")
            || matches!(&*text, "CARGO" | "RUSTUP_TOOLCHAIN" | "LD_LIBRARY_PATH")
        {
            command.env_remove(name);
        }
    }
    command
        .args(["build", "--format", "json"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}

/// What the command printed to stdout.
fn output(command: &mut Command) -> Result<String, Failed> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        return Err(format!("{command:?}: {}\n{stdout}{stderr}", output.status).into());
    }
    Ok(text(&output.stdout))
}

fn contains(text: &str, parts: &[&str]) -> Outcome {
    match parts.iter().find(|part| !text.contains(**part)) {
        None => Ok(()),
        Some(part) => {
            // A listing has thousands of lines.
            let start: String = text.chars().take(2000).collect();
            Err(format!("{part:?} is not in what begins with:\n{start}").into())
        }
    }
}
