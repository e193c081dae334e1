//! The proof that a linker fits a compiler: it links a tiny crate of that compiler,
//! with BTF in the result.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use ebpf_base::{child, temporary::TemporaryDirectory};
use object::{Object as _, ObjectSection as _};

use crate::{
    Code, Error, Finding, Result,
    command::{isolated, spawn_error},
    target::Target,
    toolchain::Toolchain,
};

/// A program without `core`, so that it compiles in a tenth of a second: building
/// `core` would take half a minute and prove no more of the bitcode's version.
const SOURCE: &str = r#"
#![feature(no_core, lang_items)]
#![no_core]
#![no_main]
#![allow(internal_features)]
LANG_ITEMS
#[lang = "copy"]
pub trait Copy {}
impl Copy for i32 {}
#[unsafe(no_mangle)]
#[unsafe(link_section = "xdp")]
pub extern "C" fn probe(verdict: i32) -> i32 {
    verdict
}
"#;

/// The lang items that every compiler insists on. `Sized` became a hierarchy in
/// Rust 1.90 (rust-lang/rust 137944); older compilers do not know its upper part.
const LANG_ITEMS: [&str; 2] = [
    "#[lang = \"pointee_sized\"] pub trait PointeeSized {}\n\
     #[lang = \"meta_sized\"] pub trait MetaSized: PointeeSized {}\n\
     #[lang = \"sized\"] pub trait Sized: MetaSized {}",
    "#[lang = \"sized\"] pub trait Sized {}",
];

/// Linking the probe takes 0.1 s.
const DEADLINE: Duration = Duration::from_secs(60);

/// Has `linker` link the probe. `None` is success.
///
/// # Errors
/// When the compiler cannot make the probe, whatever the linker.
pub(super) fn link(toolchain: &Toolchain, linker: &Path) -> Result<Option<Finding>> {
    let folder = TemporaryDirectory::new()?;
    let source = folder.path().join("probe.rs");
    let mut complaint = String::new();
    for lang_items in LANG_ITEMS {
        fs::write(&source, SOURCE.replace("LANG_ITEMS", lang_items))
            .map_err(|cause| Error::io("write", &source, &cause))?;
        let bitcode = run(toolchain, None, folder.path())?;
        if bitcode.fine {
            let linked = run(toolchain, Some(linker), folder.path())?;
            return Ok(judge(
                toolchain,
                linker,
                &linked,
                &folder.path().join("probe"),
            ));
        }
        complaint = bitcode.said;
    }
    Err(Error::new(
        Code::ProbeFailed,
        format!("{} cannot compile for BPF", toolchain.rustc.display()),
    )
    .because(complaint)
    .fix("choose another compiler by setting RUSTC"))
}

struct Ran {
    fine: bool,
    said: String,
}

/// Compiles the probe; with a linker, to an object.
fn run(toolchain: &Toolchain, linker: Option<&Path>, folder: &Path) -> Result<Ran> {
    let log = folder.join("log");
    let mut command = isolated(&toolchain.rustc);
    command
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["--edition=2021", "--crate-type=bin", "-Copt-level=2"])
        .args(["-Cpanic=abort", "-Ccodegen-units=1", "-Cdebuginfo=2"])
        .arg(format!("--target={}", Target::Little))
        .args(["-o", "probe", "probe.rs"])
        .current_dir(folder)
        .stdout(Stdio::null());
    match linker {
        None => command.arg("--emit=llvm-bc"),
        Some(linker) => command
            .args(["-Clto=yes", "-Clink-arg=--btf"])
            .arg(format!("-Clinker={}", linker.display())),
    };
    let stderr = File::create(&log).map_err(|cause| Error::io("write", &log, &cause))?;
    command.stderr(stderr);
    let status =
        run_until(&mut command, DEADLINE).map_err(|cause| spawn_error(&command, &cause))?;
    let said = fs::read(&log).map_err(|cause| Error::io("read", &log, &cause))?;
    Ok(Ran {
        fine: status.is_some_and(|status| status.success()),
        said: match status {
            Some(_) => meaning(&String::from_utf8_lossy(&said)),
            None => format!("it did not end within {} s", DEADLINE.as_secs()),
        },
    })
}

/// Runs to the end, or kills at the deadline: `None`.
fn run_until(command: &mut Command, deadline: Duration) -> io::Result<Option<ExitStatus>> {
    let mut child = child::spawn(command)?;
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begin.elapsed() > deadline {
            child.end();
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// What rustc passed on from the linker: the last lines before its closing ones.
fn meaning(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| {
            // rustc's frame around a linker that says nothing.
            !matches!(*line, "" | "|" | "= note:")
                && !line.starts_with("error: aborting")
                && !line.starts_with("= note: use `--verbose`")
                && !line.contains("\"-")
                && !line.starts_with("= note: some arguments are omitted")
        })
        .collect();
    lines[lines.len().saturating_sub(4)..].join("\n")
}

fn judge(toolchain: &Toolchain, linker: &Path, linked: &Ran, object: &Path) -> Option<Finding> {
    let who = format!("bpf-linker at {}", linker.display());
    let bitcode = format!(
        "the bitcode of rustc {} (LLVM {})",
        toolchain.release, toolchain.llvm
    );
    let finding = if !linked.fine && linked.said.contains("signal") {
        Finding::error(Code::LinkerCrashed, format!("{who} crashes on {bitcode}"))
            .because(linked.said.clone())
    } else if !linked.fine {
        Finding::error(Code::LinkerMismatch, format!("{who} cannot link {bitcode}"))
            .because(linked.said.clone())
    } else {
        let fault = fault(object)?;
        Finding::error(
            Code::LinkerDropsBtf,
            format!("{who} {fault} from {bitcode}"),
        )
    };
    Some(finding.fix("cargo ebpf setup"))
}

/// What is wrong with a result that must have BTF: follows "the linker", and precedes "from ..".
/// `None` is success.
fn fault(path: &Path) -> Option<String> {
    let Ok(content) = fs::read(path) else {
        return Some("wrote no object".into());
    };
    let Ok(object) = object::File::parse(&*content) else {
        return Some("wrote a file that is not an ELF object".into());
    };
    let missing: Vec<&str> = [".BTF", ".BTF.ext"]
        .into_iter()
        .filter(|name| {
            object
                .section_by_name(name)
                .is_none_or(|section| section.size() == 0)
        })
        .collect();
    (!missing.is_empty()).then(|| format!("wrote an object without {}", missing.join(" and ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_killed() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let begin = Instant::now();
        let status = run_until(&mut command, Duration::from_millis(50)).unwrap();
        assert!(status.is_none());
        assert!(begin.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn the_linkers_words_are_what_is_left() {
        let stderr = "error: linking with `bpf-linker` failed: exit status: 1\n  |\n  \
            = note:  \"bpf-linker\" \"--export-symbols\" \"x\"\n  \
            = note: some arguments are omitted. use `--verbose` to show all\n  \
            = note: 20:01:53 [ERROR] llvm: Invalid record\n\n\
            error: aborting due to 1 previous error\n\n";
        let meaning = meaning(stderr);
        assert!(meaning.ends_with("Invalid record"), "{meaning}");
        assert!(!meaning.contains("export-symbols"), "{meaning}");
        assert!(!meaning.contains("\n|\n"), "{meaning}");
    }
}
