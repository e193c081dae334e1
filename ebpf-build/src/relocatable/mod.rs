//! For the build scripts of eBPF crates: CO-RE relocations for the kernel types that the crate
//! declares with `#[btf_relocatable]` of the crate `ebpf-relocatable`.

mod declaration;
mod ir;
mod sources;
mod types;

use std::{env, path::PathBuf, process::Command};

use self::{declaration::Problem, sources::Sources, types::Types};
use crate::{Code, Error, Result, Target, file::write_atomically};

/// The first bpf-linker that links LLVM IR as text.
const LINKER: (u64, u64) = (0, 10);

/// Has LLVM leave instructions in their loops. It would move one with a relocation above the branch
/// that asks whether the member exists; where it does not, no kernel accepts that instruction.
const STAY: &str = "--disable-machine-licm";

/// Makes the declarations with `#[btf_relocatable]` relocatable, in the crate whose build script
/// this is and in the crates that it depends on.
///
/// ```no_run
/// // build.rs of the eBPF crate
/// fn main() -> ebpf_build::Result<()> {
///     ebpf_build::relocatable()
/// }
/// ```
///
/// It writes a file of LLVM IR to `OUT_DIR`, and has cargo pass it to the linker. In a build for
/// another target than BPF it does nothing.
///
/// # Errors
/// When a declaration is not one of a type in C, or does not fit another one
/// ([`Code::DeclarationInvalid`], with the lines); when the linker does not link LLVM IR
/// ([`Code::LinkerTooOld`]).
#[expect(
    clippy::print_stdout,
    reason = "build scripts speak to cargo on stdout"
)]
pub fn relocatable() -> Result<()> {
    let text = |name: &str| {
        env::var(name).map_err(|cause| {
            Error::new(Code::NotABuildScript, format!("{name} is not set"))
                .because(cause.to_string())
                .fix("call ebpf_build::relocatable from the build script (build.rs) of an eBPF crate")
        })
    };
    let Ok(target) = text("TARGET")?.parse::<Target>() else {
        return Ok(());
    };
    check_linker()?;
    let sources = Sources::find(&PathBuf::from(text("CARGO_MANIFEST_DIR")?))?;
    for path in &sources.watched {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    let (declarations, mut problems) = sources.declarations()?;
    let (types, conflicts) = Types::of(declarations);
    problems.extend(conflicts);
    if !problems.is_empty() {
        return Err(invalid(&problems));
    }
    let path = PathBuf::from(text("OUT_DIR")?).join("relocatable.ll");
    write_atomically(&path, ir::module(&types, target.triple()).as_bytes())?;
    println!("cargo::rustc-link-arg={}", path.display());
    println!("cargo::rustc-link-arg=--llvm-args={STAY}");
    Ok(())
}

fn invalid(problems: &[Problem]) -> Error {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.place, problem.message))
        .collect();
    Error::new(Code::DeclarationInvalid, lines.join("\n"))
}

/// Cargo names the linker of the target. One that is missing, rustc reports.
fn check_linker() -> Result<()> {
    let Some(linker) = env::var_os("RUSTC_LINKER") else {
        return Ok(());
    };
    let Ok(output) = Command::new(&linker).arg("--version").output() else {
        return Ok(());
    };
    match too_old(&String::from_utf8_lossy(&output.stdout)) {
        None => Ok(()),
        Some(version) => Err(Error::new(
            Code::LinkerTooOld,
            format!(
                "bpf-linker {version} cannot link LLVM IR, which #[btf_relocatable] requires; \
                 {}.{} is the first version that can",
                LINKER.0, LINKER.1
            ),
        )
        .fix("cargo ebpf setup")),
    }
}

/// The version in `bpf-linker 0.9.15`, if it is too old.
fn too_old(text: &str) -> Option<&str> {
    let version = text.trim().strip_prefix("bpf-linker ")?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    let found = (numbers.next()??, numbers.next()??);
    (found < LINKER).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linkers_that_take_no_llvm_ir_are_recognised() {
        assert_eq!(too_old("bpf-linker 0.9.15\n"), Some("0.9.15"));
        for newer in ["bpf-linker 0.10.0", "bpf-linker 1.0.0", "LLD 22.1.4", ""] {
            assert_eq!(too_old(newer), None);
        }
    }
}
