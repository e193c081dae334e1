//! `verify`.

mod given;
mod locked;

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use ebpf_base::untrusted;
use ebpf_build::Result;
use ebpf_diagnosis::diagnosis::Source;
use ebpf_kernels::{KernelSpec, KernelTarget};
use ebpf_object::{Loader, link::Given};

use self::locked::Lock;
use crate::{
    agent, cli,
    command::build::{self, NamedObject},
    context::Context,
    host::invocation,
    kernels,
    matrix::{
        Settings,
        verdicts::{self, KernelReply, VerifyOptions},
    },
    object_file,
    outcome::Outcome,
    report::{Console, verify::Verification},
    verdict::{Object, OnKernel, Program, Verdict, judge, log_file},
    verifier::{bpftool::Bpftool, observation::Event, replaced::Replaced},
};

/// # Errors
/// When no object was named and the project's own cannot be built, a kernel is not to be
/// had, or a program is missing that was asked for. What is wrong with an object is part
/// of the report.
pub(crate) fn run(request: &cli::Verify, context: &Context) -> Result<Outcome> {
    let bpftool = request.bpftool.then(Bpftool::find).transpose()?;
    let lock = (request.locked || request.update)
        .then(|| Lock::of(&context.project()?, request))
        .transpose()?;
    let (mut objects, built) = match request.objects.as_slice() {
        [] => build::for_this_machine(&context.project()?, &request.selection, context.console)?,
        named => (named.iter().map(NamedObject::from).collect(), Outcome::Fine),
    };
    given::add(request, &mut objects)?;
    let wanted = match (request.kernel.as_slice(), &lock) {
        ([], Some(lock)) => lock.kernels()?,
        ([], None) => vec![KernelSpec::Host],
        (named, _) => named.to_vec(),
    };
    let kernels = kernels::to_run_on(&wanted, &context.spawner, &context.console.progress())?;
    let settings = Settings {
        memory: request.guest_memory,
        timeout: Duration::from_secs(request.timeout),
    };
    let options = VerifyOptions {
        attach: request.attach,
        visits: request.hot,
        loader: request.loader,
        replaced: request.freplace.as_deref().map(replaced).transpose()?,
    };
    let mut verification = verify(&objects, &kernels, &settings, &options, context)?;
    if let Some(bpftool) = bpftool {
        ask_libbpf(&bpftool, &objects, &mut verification);
    }
    if let Some(lock) = lock {
        let tools = match request.objects.as_slice() {
            [] => locked::tools(&context.project()?.tools()?, &context.spawner),
            // Nobody knows what made these.
            _ => BTreeMap::new(),
        };
        let held = lock.hold(&verification, &objects, tools)?;
        verification.budget = Some(held);
    }
    context.console.write(&verification)?;
    match verification.outcome() {
        Outcome::Fine => Ok(built),
        other => Ok(other),
    }
}

/// Has the running kernel verify `objects`.
///
/// # Errors
/// As [`verify`].
pub(crate) fn on_host(objects: &[NamedObject], context: &Context) -> Result<Verification> {
    verify(
        objects,
        &[KernelTarget::Host],
        &Settings::default(),
        &VerifyOptions::default(),
        context,
    )
}

/// Has each kernel verify `objects`, and keeps the logs of its rejections.
///
/// # Errors
/// When the asking itself fails, or Ctrl-C.
fn verify(
    objects: &[NamedObject],
    kernels: &[KernelTarget],
    settings: &Settings,
    options: &VerifyOptions,
    context: &Context,
) -> Result<Verification> {
    let inputs: Vec<InputObject> = objects.iter().map(InputObject::read).collect();
    let data: Vec<_> = inputs
        .iter()
        .filter_map(|input| {
            Some(agent::Object {
                data: input.data.as_ref().ok()?.clone(),
                skipped: Vec::new(),
                given: input.given.clone(),
            })
        })
        .collect();
    let replies = if data.is_empty() {
        kernels.iter().map(|_| KernelReply::default()).collect()
    } else {
        verdicts::ask(
            kernels,
            &data,
            settings,
            options,
            &context.spawner,
            &tell_progress(kernels, context.console),
        )?
    };
    // Read once, for the rejections of all kernels.
    let sources: Vec<_> = inputs.iter().map(InputObject::source).collect();
    let answered = kernels.iter().zip(replies);
    let mut verification = Verification {
        kernels: answered
            .map(|(kernel, reply)| judged(kernel, reply, &inputs, &sources, options.loader))
            .collect(),
        budget: None,
    };
    keep_logs(&mut verification, context);
    Ok(verification)
}

/// The program that `--freplace` names: `OBJECT`, or `OBJECT:PROGRAM`.
fn replaced(named: &Path) -> Result<Replaced> {
    let (path, program) = match named.to_str().and_then(|text| text.rsplit_once(':')) {
        Some((path, program)) if !named.exists() => (Path::new(path), Some(program.to_owned())),
        _ => (named, None),
    };
    Ok(Replaced {
        data: object_file::read(path)?,
        program,
    })
}

/// An object as it was named. One that cannot be read is a finding about it, the same on
/// every kernel.
struct InputObject {
    path: PathBuf,
    /// Its programs that may be left out.
    optional: Vec<String>,
    /// What its loader sets.
    given: Given,
    data: Result<Vec<u8>>,
}

impl InputObject {
    fn read(named: &NamedObject) -> Self {
        Self {
            data: object_file::read(&named.path),
            path: named.path.clone(),
            optional: named.optional.clone(),
            given: named.given.clone(),
        }
    }

    fn source(&self) -> Source<'_> {
        Source::of(self.data.as_deref().unwrap_or_default())
    }
}

/// Says which kernels have answered, where there is more than one to wait for.
fn tell_progress(
    kernels: &[KernelTarget],
    console: Console,
) -> impl Fn(&KernelTarget, &KernelReply) + Sync {
    let many = kernels.len() > 1;
    move |kernel, reply| {
        if many {
            let took = reply.took.as_secs_f64();
            console.note(&format!("{}: done in {took:.1} s", kernel.label()));
        }
    }
}

fn judged(
    kernel: &KernelTarget,
    reply: KernelReply,
    inputs: &[InputObject],
    sources: &[Source<'_>],
    loader: Option<Loader>,
) -> OnKernel {
    let release = reply.release.as_deref().unwrap_or_default();
    let mut events = reply.objects.into_iter();
    let objects = inputs.iter().zip(sources).map(|(input, source)| {
        let name = input.path.display().to_string();
        let events = match &input.data {
            Ok(_) => events.next().unwrap_or_default(),
            Err(error) => vec![Event::Found(error.finding().clone())],
        };
        let mut object = judge::object(&name, source, &input.optional, release, events);
        let made_for = |data: &Vec<u8>| Loader::of(data).ok();
        object.loader = loader.or_else(|| input.data.as_ref().ok().and_then(made_for));
        object.loader_given = loader.is_some();
        offer_root(&mut object);
        object
    });
    let objects = objects.collect();
    OnKernel {
        kernel: untrusted::name(kernel.label()),
        architecture: kernel.architecture(),
        release: reply.release.as_deref().map(untrusted::name),
        version: match kernel {
            KernelTarget::Host => None,
            KernelTarget::Image(image) => Some(untrusted::name(&image.version)),
        },
        guest: reply.guest,
        seconds: reply.took.as_secs_f64(),
        objects,
        findings: reply.findings,
    }
}

/// Adds to programs that this process may not load how to load them.
fn offer_root(object: &mut Object) {
    for program in &mut object.programs {
        if let Verdict::PermissionDenied(finding) = &mut program.verdict {
            finding.fix = Some(invocation::as_root());
        }
    }
}

/// Asks libbpf, too: on this machine's own kernel.
fn ask_libbpf(bpftool: &Bpftool, objects: &[NamedObject], verification: &mut Verification) {
    let host = verification
        .kernels
        .iter_mut()
        .filter(|kernel| kernel.guest.is_none());
    for (named, object) in host.flat_map(|host| objects.iter().zip(&mut host.objects)) {
        // libbpf would only report the missing file or capabilities again.
        let no_rights = |program: &Program| matches!(program.verdict, Verdict::PermissionDenied(_));
        if !named.path.is_file() || object.programs.iter().any(no_rights) {
            continue;
        }
        match bpftool.load_all(&named.path) {
            Ok(answer) => object.bpftool = Some(answer),
            Err(error) => object.findings.push(error.finding().clone()),
        }
    }
}

/// Writes the log of each rejection into a file, and notes where. A log that cannot be
/// written does not change a verdict.
fn keep_logs(verification: &mut Verification, context: &Context) {
    let mut folder = None;
    for kernel in &mut verification.kernels {
        // The names of before there were other kernels stay those of this machine's own.
        let suffix = kernel.guest.map(|_| kernel.kernel.as_str());
        for object in &mut kernel.objects {
            for program in &mut object.programs {
                let Verdict::Rejected(rejection) = &mut program.verdict else {
                    continue;
                };
                if rejection.log.is_empty() {
                    continue;
                }
                let folder = folder.get_or_insert_with(|| log_folder(context));
                let name = match suffix {
                    Some(kernel) => format!("{}-{kernel}", program.name),
                    None => program.name.clone(),
                };
                let write =
                    |folder: &Path| log_file::write(folder, &object.object, &name, &rejection.log);
                match write(folder).or_else(|_| write(&env::temp_dir())) {
                    Ok(path) => rejection.diagnosis.log_file = Some(path),
                    Err(error) => context.console.show(error.finding()),
                }
            }
        }
    }
}

/// `target/ebpf` of the project around; the system's folder for temporary files where
/// there is none.
fn log_folder(context: &Context) -> PathBuf {
    context
        .project()
        .map_or_else(|_| env::temp_dir(), |project| project.objects_dir())
}
