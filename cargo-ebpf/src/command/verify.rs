//! `verify`.

use std::{
    cell::LazyCell,
    env,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use cargo_metadata::MetadataCommand;
use ebpf_build::{Error, Result};

use crate::{
    cli::{self, Global},
    host::kernel::Kernel,
    outcome::Outcome,
    report::{self, human, verify::Verification},
    verifier::{
        bpftool::Bpftool,
        load, log_file, untrusted,
        verdict::{Object, Verdict},
    },
};

/// Runs the command. The outcome is fine only if this kernel would run every program
/// of every object: one that is refused, has no place here or could not be tried is
/// something found.
///
/// # Errors
/// When no object was named, or bpftool was asked for and is missing. What is wrong
/// with an object is part of the report.
pub fn run(request: &cli::Verify, global: &Global) -> Result<Outcome> {
    // INTEGRATION: without a name the project's crates are built here, and what was
    // built is verified.
    if request.objects.is_empty() {
        return Err(Error::new("no-object", "no object was named")
            .fix("name an object file: cargo ebpf verify target/ebpf/<name>"));
    }
    let logs = || log_folder(global.manifest_path.as_deref());
    let verification = verify(&request.objects, request.bpftool, logs)?;
    report::write(&verification, global.format)?;
    Ok(verification.outcome())
}

/// Verifies `objects`. `logs` names the folder for the logs of refusals, and is asked
/// only if there are any.
///
/// # Errors
/// When bpftool was asked for and is missing.
pub fn verify(
    objects: &[PathBuf],
    with_bpftool: bool,
    logs: impl FnOnce() -> PathBuf,
) -> Result<Verification> {
    let bpftool = with_bpftool.then(Bpftool::find).transpose()?;
    let kernel = Kernel::running();
    let mut objects: Vec<Object> = objects
        .iter()
        .map(|path| object(path, &kernel, bpftool.as_ref()))
        .collect();
    keep_logs(&mut objects, logs);
    Ok(Verification {
        kernel: untrusted::name(&kernel.release),
        objects,
    })
}

fn object(path: &Path, kernel: &Kernel, bpftool: Option<&Bpftool>) -> Object {
    let name = path.display().to_string();
    let failed = |error: Error| Object {
        object: untrusted::name(&name),
        programs: Vec::new(),
        findings: vec![error.finding().clone()],
        bpftool: None,
    };
    let data = match read(path) {
        Ok(data) => data,
        Err(error) => return failed(error),
    };
    let mut object = load::verify(&name, &data, kernel);
    // libbpf would only repeat that this is no object, or that there are no rights.
    let worth_asking = !object.programs.is_empty()
        && !object
            .programs
            .iter()
            .any(|program| matches!(program.verdict, Verdict::NoRights(_)));
    if let Some(bpftool) = bpftool.filter(|_| worth_asking) {
        match bpftool.load_all(path) {
            Ok(answer) => object.bpftool = Some(answer),
            Err(error) => object.findings.push(error.finding().clone()),
        }
    }
    object
}

/// Reads an object, but not what cannot be one.
fn read(path: &Path) -> Result<Vec<u8>> {
    /// Far more than any object: with DWARF they have some 100 KiB a program.
    const LARGEST: u64 = 256 << 20;
    let failed = |cause: io::Error| Error::io("read", path, &cause);
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() {
            "a folder"
        } else {
            "no regular file"
        };
        return Err(Error::new(
            "not-a-file",
            format!("{} is {kind}, not an object file", path.display()),
        )
        .fix("name an object file, such as target/ebpf/<name>"));
    }
    if metadata.len() > LARGEST {
        return Err(Error::new(
            "object-limit",
            format!(
                "{} is too large for an object: {} MiB",
                path.display(),
                metadata.len() >> 20
            ),
        )
        .because(format!("at most {} MiB are read", LARGEST >> 20)));
    }
    let mut data = Vec::new();
    file.read_to_end(&mut data).map_err(failed)?;
    Ok(data)
}

/// Writes the log of each refusal into a file, and notes where. A log that cannot be
/// written does not change a verdict.
fn keep_logs(objects: &mut [Object], folder: impl FnOnce() -> PathBuf) {
    let folder = LazyCell::new(folder);
    for object in objects {
        for program in &mut object.programs {
            let Verdict::Refused(rejection) = &mut program.verdict else {
                continue;
            };
            if rejection.log.is_empty() {
                continue;
            }
            let write = |folder: &Path| {
                log_file::write(folder, &object.object, &program.name, &rejection.log)
            };
            match write(&folder).or_else(|_| write(&env::temp_dir())) {
                Ok(path) => rejection.log_file = Some(path),
                Err(error) => human::tell(error.finding()),
            }
        }
    }
}

/// `target/ebpf` of the project around; the system's folder for temporary files where
/// there is none.
fn log_folder(manifest: Option<&Path>) -> PathBuf {
    let mut command = MetadataCommand::new();
    command.no_deps();
    if let Some(manifest) = manifest {
        command.manifest_path(manifest);
    }
    command.exec().map_or_else(
        |_| env::temp_dir(),
        |metadata| metadata.target_directory.join("ebpf").into_std_path_buf(),
    )
}
