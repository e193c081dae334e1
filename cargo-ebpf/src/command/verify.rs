//! `verify`.

use std::{
    env,
    path::{Path, PathBuf},
};

use ebpf_build::{Error, Result};

use crate::{
    cli::{self, Global},
    command::build,
    diagnosis::{Refusal, Source},
    host::kernel::Kernel,
    object_file,
    outcome::Outcome,
    project::Project,
    report::{self, human, verify::Verification},
    untrusted,
    verifier::{
        bpftool::Bpftool,
        load, log_file,
        verdict::{Object, Verdict},
    },
};

/// Runs the command.
///
/// # Errors
/// When no object was named and the project's own cannot be built, or bpftool was asked
/// for and is missing. What is wrong with an object is part of the report.
pub(crate) fn run(request: &cli::Verify, global: &Global) -> Result<Outcome> {
    let bpftool = request.bpftool.then(Bpftool::find).transpose()?;
    let objects = match request.objects.as_slice() {
        [] => build::for_this_machine(&Project::find(global)?)?.paths(),
        named => named.to_vec(),
    };
    let verification = verify(&objects, bpftool.as_ref(), global);
    report::write(&verification, global.format)?;
    Ok(verification.outcome())
}

/// Has the running kernel verify `objects`, and keeps the logs of its refusals.
pub(crate) fn verify(
    objects: &[PathBuf],
    bpftool: Option<&Bpftool>,
    global: &Global,
) -> Verification {
    let kernel = Kernel::running();
    let mut verified: Vec<Object> = objects
        .iter()
        .map(|path| object(path, &kernel, bpftool))
        .collect();
    keep_logs(&mut verified, global);
    Verification {
        kernel: untrusted::name(&kernel.release),
        objects: verified,
    }
}

fn object(path: &Path, kernel: &Kernel, bpftool: Option<&Bpftool>) -> Object {
    let name = path.display().to_string();
    let failed = |error: Error| Object {
        object: untrusted::name(&name),
        programs: Vec::new(),
        findings: vec![error.finding().clone()],
        bpftool: None,
    };
    let data = match object_file::read(path) {
        Ok(data) => data,
        Err(error) => return failed(error),
    };
    let mut object = load::verify(&name, &data, kernel);
    diagnose(&mut object, &data, kernel);
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

/// Says of each refusal what it means.
fn diagnose(object: &mut Object, data: &[u8], kernel: &Kernel) {
    let source = Source::of(data);
    for program in &mut object.programs {
        if let Verdict::Refused(rejection) = &mut program.verdict
            && !rejection.log.is_empty()
        {
            rejection.diagnosis = Some(source.diagnose(&Refusal {
                program: &program.name,
                section: &program.section,
                kernel: &kernel.release,
                error: rejection.error_number,
                log: &rejection.log,
                truncated: rejection.log_truncated,
            }));
        }
    }
}

/// Writes the log of each refusal into a file, and notes where. A log that cannot be
/// written does not change a verdict.
fn keep_logs(objects: &mut [Object], global: &Global) {
    let mut folder = None;
    for object in objects {
        for program in &mut object.programs {
            let Verdict::Refused(rejection) = &mut program.verdict else {
                continue;
            };
            if rejection.log.is_empty() {
                continue;
            }
            let folder = folder.get_or_insert_with(|| log_folder(global));
            let write = |folder: &Path| {
                log_file::write(folder, &object.object, &program.name, &rejection.log)
            };
            match write(folder).or_else(|_| write(&env::temp_dir())) {
                Ok(path) => {
                    if let Some(diagnosis) = &mut rejection.diagnosis {
                        diagnosis.log_file = Some(path.clone());
                    }
                    rejection.log_file = Some(path);
                }
                Err(error) => human::tell(error.finding()),
            }
        }
    }
}

/// `target/ebpf` of the project around; the system's folder for temporary files where
/// there is none.
fn log_folder(global: &Global) -> PathBuf {
    Project::find(global).map_or_else(|_| env::temp_dir(), |project| project.objects_dir())
}
