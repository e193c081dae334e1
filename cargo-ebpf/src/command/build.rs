//! `build`: every eBPF crate of the project, checked and copied to `target/ebpf/`.

use std::{collections::BTreeMap, path::PathBuf};

use ebpf_build::{
    Artifact, Build, Error, Result, Target, file::write_atomically, settings, strip_debug,
};
use ebpf_object::{Object, link::Given};

use crate::{
    call_sites,
    cli::{self, DebugInfo},
    code::Code,
    context::Context,
    interrupt, min_kernel,
    outcome::Outcome,
    project::{EbpfCrate, Project, Reason, ToolsByPin},
    report::{
        Console,
        build::{Built, BuiltObject},
        human,
    },
};

/// An object to be looked at.
#[derive(Debug, Clone)]
pub(crate) struct NamedObject {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Programs that its loader leaves out where the kernel lacks what they attach to.
    /// None are known of an object that the user named.
    pub(crate) optional: Vec<String>,
    /// What its loader sets, as far as its crate has it.
    pub(crate) given: Given,
}

impl From<&PathBuf> for NamedObject {
    fn from(path: &PathBuf) -> Self {
        Self {
            path: path.clone(),
            optional: Vec::new(),
            given: Given::default(),
        }
    }
}

pub(crate) fn run(request: &cli::Build, context: &Context) -> Result<Outcome> {
    let project = context.project()?;
    project.ebpf_crates()?;
    let built = build_all(&project, request, context.console)?;
    context.console.write(&built)?;
    Ok(built.outcome(context.console))
}

/// Builds what is selected with the defaults, where the machine is set up. The outcome is that
/// of the objects that are not there.
///
/// # Errors
/// As [`build_all`].
pub(crate) fn for_this_machine(
    project: &Project,
    selection: &cli::Selection,
    console: Console,
) -> Result<(Vec<NamedObject>, Outcome)> {
    project.ebpf_crates()?;
    let request = cli::Build {
        selection: selection.clone(),
        ..cli::Build::default()
    };
    let built = build_all(project, &request, console)?;
    Ok((built.named(), built.outcome(console)))
}

impl Built {
    /// Shows why objects are not there, if any is not.
    fn outcome(&self, console: Console) -> Outcome {
        show(&self.failed, console);
        match self.failed.is_empty() {
            true => Outcome::Fine,
            false => Outcome::Found,
        }
    }

    /// This, if all objects are there.
    ///
    /// # Errors
    /// Why the first is not; shows it of the others.
    pub(crate) fn whole(self, console: Console) -> Result<Self> {
        let Some((first, rest)) = self.failed.split_first() else {
            return Ok(self);
        };
        show(rest, console);
        Err(first.clone())
    }

    /// The objects, as they would be named here.
    pub(crate) fn named(&self) -> Vec<NamedObject> {
        let named = self.objects.iter().map(|object| NamedObject {
            path: human::path(&object.path).into(),
            optional: object.optional.clone(),
            given: object.given.clone(),
        });
        named.collect()
    }
}

fn show(failed: &[Error], console: Console) {
    failed
        .iter()
        .flat_map(human::shown)
        .for_each(|finding| console.show(finding));
}

/// Builds the selected eBPF crates and copies the objects. Those that are fine are there, also where
/// others are not.
///
/// # Errors
/// When no toolchain or linker is found, the project has no eBPF crate, or none that is selected,
/// no object is fine, two would make objects of one name, or a copy cannot be written.
pub(crate) fn build_all(
    project: &Project,
    request: &cli::Build,
    console: Console,
) -> Result<Built> {
    if request.selection.package.is_empty() {
        note_passed_over(project, console);
    }
    let mut owners: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut tools_by_pin = ToolsByPin::default();
    let mut built = Vec::new();
    let mut failed = Vec::new();
    for (ebpf, bins) in selected(project.ebpf_crates()?, &request.selection)? {
        let target = target_of(ebpf, request)?;
        let (tools, warning) = tools_by_pin.of(ebpf)?;
        if let Some(warning) = warning {
            console.show(&warning);
        }
        let results = build_of(project, ebpf, target, request)
            .bins(bins)
            .each_with(tools)
            .unwrap_or_else(|error| vec![Err(error)]);
        interrupt::check()?;
        for result in results {
            let artifact = match result {
                Ok(artifact) => artifact,
                Err(error) => {
                    failed.push(call_sites::of_error(error));
                    continue;
                }
            };
            let path = project.object_path(&artifact.name, target);
            if let Some(other) = owners.insert(path.clone(), ebpf.name.clone()) {
                return Err(Error::new(
                    Code::ObjectNameTwice,
                    format!(
                        "{other} and {} both build an object {}",
                        ebpf.name, artifact.name
                    ),
                )
                .because(format!("both would be written to {}", path.display()))
                .fix("change the `name` of one [[bin]]"));
            }
            match min_kernel::check(ebpf, &path, &artifact.content) {
                Ok(()) => built.push((ebpf, target, path, artifact)),
                Err(error) => failed.push(error),
            }
        }
    }
    let objects = built
        .into_iter()
        .map(|(ebpf, target, path, artifact)| {
            copy(ebpf, target, path, artifact, request.debug_info, console)
        })
        .collect::<Result<_>>()?;
    let built = Built {
        objects,
        failed,
        passed_over: project.passed_over.clone(),
    };
    if built.objects.is_empty() {
        built.whole(console)
    } else {
        Ok(built)
    }
}

/// Shows which crates are not built with the project, and why. Those that the project excludes
/// itself, only `doctor` and JSON list.
fn note_passed_over(project: &Project, console: Console) {
    let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for one in &project.passed_over {
        if one.reason != Reason::Excluded {
            let names = by_reason.entry(one.reason.to_string()).or_default();
            names.push(&one.name);
        }
    }
    for (reason, names) in by_reason {
        console.note(&format!("not built: {} ({reason})", names.join(", ")));
    }
}

/// The crates that are selected, each with the binaries to build of it; none are all.
fn selected<'a>(
    crates: &'a [EbpfCrate],
    selection: &cli::Selection,
) -> Result<Vec<(&'a EbpfCrate, Vec<String>)>> {
    let names = crates.iter().map(|ebpf| ebpf.name.clone());
    for package in &selection.package {
        if !crates.iter().any(|ebpf| ebpf.name == *package) {
            return Err(Error::new(
                Code::PackageUnknown,
                format!("the project has no eBPF crate {package}"),
            )
            .fix(format!(
                "select one of: {}",
                names.collect::<Vec<_>>().join(", ")
            )));
        }
    }
    let mut all = Vec::new();
    let mut chosen = Vec::new();
    for ebpf in crates {
        let packages = &selection.package;
        if !packages.is_empty() && !packages.contains(&ebpf.name) {
            continue;
        }
        let objects = ebpf.objects()?;
        let wanted = selection.bin.iter();
        let bins: Vec<String> = wanted
            .filter(|bin| objects.contains(*bin))
            .cloned()
            .collect();
        if selection.bin.is_empty() || !bins.is_empty() {
            chosen.push((ebpf, bins));
        }
        all.extend(objects);
    }
    match selection.bin.iter().find(|bin| !all.contains(bin)) {
        None => Ok(chosen),
        Some(unknown) => Err(Error::new(
            Code::BinUnknown,
            format!("no selected eBPF crate has a binary {unknown}"),
        )
        .fix(format!("select one of: {}", all.join(", ")))),
    }
}

fn target_of(ebpf: &EbpfCrate, request: &cli::Build) -> Result<Target> {
    match request.selection.target {
        Some(target) => Ok(target),
        None => Ok(settings::read(&ebpf.dir)?.target.unwrap_or_default()),
    }
}

fn build_of(project: &Project, ebpf: &EbpfCrate, target: Target, request: &cli::Build) -> Build {
    let selection = &request.selection;
    let build = Build::new(&ebpf.dir)
        .target(target)
        .deny(&request.deny)
        .features(&selection.features)
        .all_features(selection.all_features)
        .default_features(!selection.no_default_features);
    let build = match project.shared_build_dir() {
        Some(directory) => build.build_dir(directory),
        None => build,
    };
    match request.cpu {
        Some(cpu) => build.cpu(cpu),
        None => build,
    }
}

fn copy(
    ebpf: &EbpfCrate,
    target: Target,
    path: PathBuf,
    artifact: Artifact,
    debug_info: DebugInfo,
    console: Console,
) -> Result<BuiltObject> {
    let warnings: Vec<_> = artifact
        .warnings
        .into_iter()
        .flat_map(|warning| call_sites::of_finding(warning, &artifact.content))
        .collect();
    for warning in &warnings {
        console.show(warning);
    }
    let settings = settings::read(&ebpf.dir)?;
    let content = match debug_info {
        DebugInfo::Keep => artifact.content,
        DebugInfo::Strip => strip_debug(&artifact.content)?,
    };
    // One that is right already keeps its time, for whoever watches it.
    if !std::fs::read(&path).is_ok_and(|old| old == content) {
        write_atomically(&path, &content)?;
    }
    Ok(BuiltObject {
        name: artifact.name,
        from: ebpf.name.clone(),
        path,
        target: target.triple(),
        summary: Object::parse(&content)?.summary(),
        given: given(&settings)?,
        optional: settings.optional,
        fresh: artifact.fresh,
        warnings,
    })
}

/// What the loader sets, by `[package.metadata.ebpf]`.
fn given(settings: &settings::Settings) -> Result<Given> {
    let mut given = Given::default();
    given.map_sizes.clone_from(&settings.map_sizes);
    for (name, value) in &settings.values {
        let value = value.parse().map_err(|cause: String| {
            Error::new(
                Code::SetInvalid,
                format!("`set` in [package.metadata.ebpf] has an invalid value for `{name}`"),
            )
            .because(cause)
            .fix(format!(
                "use an integer, true or false: set = {{ {name} = 5 }}"
            ))
        })?;
        given.values.insert(name.clone(), value);
    }
    Ok(given)
}
