//! `verify`.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use ebpf_build::Result;

use crate::{
    cli::{self, Global},
    command::build,
    guest::{Accelerator, Machine},
    matrix::{self, Asked, Place, Settings},
    object_file,
    outcome::Outcome,
    project::Project,
    report::{
        self, human,
        verify::{OnKernel, Verification},
    },
    untrusted,
    verifier::{
        bpftool::Bpftool,
        judge, log_file,
        observation::Event,
        verdict::{Program, Verdict},
    },
};

/// Runs the command.
///
/// # Errors
/// When no object was named and the project's own cannot be built, a kernel is not to be
/// had, or a program is missing that was asked for. What is wrong with an object is part
/// of the report.
pub(crate) fn run(request: &cli::Verify, global: &Global) -> Result<Outcome> {
    let bpftool = request.bpftool.then(Bpftool::find).transpose()?;
    let objects = match request.objects.as_slice() {
        [] => build::for_this_machine(&Project::find(global)?)?.paths(),
        named => named.to_vec(),
    };
    let places = places(&request.kernel);
    let settings = Settings {
        machine: Machine {
            accelerator: Accelerator::Tcg,
            memory: request.memory,
        },
        deadline: Duration::from_secs(request.deadline),
    };
    let mut verification = verify(&objects, &places, &settings, global)?;
    if let Some(bpftool) = bpftool {
        ask_libbpf(&bpftool, &objects, &mut verification);
    }
    report::write(&verification, global.format)?;
    Ok(verification.outcome())
}

/// The kernels of a list on the command line; the running one where there is none.
pub(crate) fn places(list: &[String]) -> Vec<Place> {
    if list.is_empty() {
        return vec![Place::Host];
    }
    let place = |kernel: &String| match kernel.as_str() {
        "host" => Place::Host,
        path => Place::Image {
            label: path.rsplit('/').next().unwrap_or(path).to_owned(),
            path: path.into(),
        },
    };
    list.iter().map(place).collect()
}

/// Has the running kernel verify `objects`.
///
/// # Errors
/// As [`verify`].
pub(crate) fn on_host(objects: &[PathBuf], global: &Global) -> Result<Verification> {
    let settings = Settings {
        machine: Machine {
            accelerator: Accelerator::Tcg,
            memory: 0,
        },
        deadline: Duration::from_secs(120),
    };
    verify(objects, &[Place::Host], &settings, global)
}

/// Has each kernel verify `objects`, and keeps the logs of its refusals.
///
/// # Errors
/// When the asking itself fails, or Ctrl-C.
fn verify(
    objects: &[PathBuf],
    places: &[Place],
    settings: &Settings,
    global: &Global,
) -> Result<Verification> {
    let given: Vec<Given> = objects.iter().map(Given::read).collect();
    let data: Vec<_> = given
        .iter()
        .filter_map(|given| given.data.as_ref().ok().cloned())
        .collect();
    let asked = if data.is_empty() {
        places.iter().map(|_| Asked::default()).collect()
    } else {
        matrix::ask(places, &data, settings, global, &tell_progress(places))?
    };
    let kernels = places.iter().zip(asked);
    let mut verification = Verification {
        kernels: kernels
            .map(|(place, asked)| judged(place, asked, settings, &given))
            .collect(),
    };
    keep_logs(&mut verification, global);
    Ok(verification)
}

/// An object as it was named. One that cannot be read is a finding about it, the same on
/// every kernel.
struct Given {
    path: PathBuf,
    data: Result<Vec<u8>>,
}

impl Given {
    fn read(path: &PathBuf) -> Self {
        Self {
            data: object_file::read(path),
            path: path.clone(),
        }
    }
}

/// Says which kernels have answered, where there is more than one to wait for.
fn tell_progress(places: &[Place]) -> impl Fn(&Place, &Asked) + Sync {
    let many = places.len() > 1;
    move |place, asked| {
        if many {
            let took = asked.took.as_secs_f64();
            human::note(&format!("{}: answered after {took:.1} s", place.label()));
        }
    }
}

fn judged(place: &Place, asked: Asked, settings: &Settings, given: &[Given]) -> OnKernel {
    let mut events = asked.objects.into_iter();
    let objects = given.iter().map(|given| {
        let name = given.path.display().to_string();
        let events = match &given.data {
            Ok(_) => events.next().unwrap_or_default(),
            Err(error) => vec![Event::Found(error.finding().clone())],
        };
        judge::object(&name, events)
    });
    OnKernel {
        kernel: untrusted::name(place.label()),
        release: asked.release.as_deref().map(untrusted::name),
        guest: (*place != Place::Host).then_some(settings.machine.accelerator),
        seconds: asked.took.as_secs_f64(),
        objects: objects.collect(),
        findings: asked.findings,
    }
}

/// Asks libbpf, too: on this machine's own kernel.
fn ask_libbpf(bpftool: &Bpftool, paths: &[PathBuf], verification: &mut Verification) {
    let host = verification
        .kernels
        .iter_mut()
        .filter(|kernel| kernel.guest.is_none());
    for (path, object) in host.flat_map(|host| paths.iter().zip(&mut host.objects)) {
        // libbpf would only repeat that this is no object, or that there are no rights.
        let no_rights = |program: &Program| matches!(program.verdict, Verdict::NoRights(_));
        if object.programs.is_empty() || object.programs.iter().any(no_rights) {
            continue;
        }
        match bpftool.load_all(path) {
            Ok(answer) => object.bpftool = Some(answer),
            Err(error) => object.findings.push(error.finding().clone()),
        }
    }
}

/// Writes the log of each refusal into a file, and notes where. A log that cannot be
/// written does not change a verdict.
fn keep_logs(verification: &mut Verification, global: &Global) {
    let mut folder = None;
    for kernel in &mut verification.kernels {
        // The names of before there were other kernels stay those of this machine's own.
        let suffix = kernel.guest.map(|_| kernel.kernel.as_str());
        for object in &mut kernel.objects {
            for program in &mut object.programs {
                let Verdict::Refused(rejection) = &mut program.verdict else {
                    continue;
                };
                if rejection.log.is_empty() {
                    continue;
                }
                let folder = folder.get_or_insert_with(|| log_folder(global));
                let name = match suffix {
                    Some(kernel) => format!("{}-{kernel}", program.name),
                    None => program.name.clone(),
                };
                let write =
                    |folder: &Path| log_file::write(folder, &object.object, &name, &rejection.log);
                match write(folder).or_else(|_| write(&env::temp_dir())) {
                    Ok(path) => rejection.log_file = Some(path),
                    Err(error) => human::tell(error.finding()),
                }
            }
        }
    }
}

/// `target/ebpf` of the project around; the system's folder for temporary files where
/// there is none.
fn log_folder(global: &Global) -> PathBuf {
    Project::find(global).map_or_else(|_| env::temp_dir(), |project| project.objects_dir())
}
