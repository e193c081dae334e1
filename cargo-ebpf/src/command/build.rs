//! `build`: every eBPF crate of the project, checked and copied to `target/ebpf/`.

use std::{collections::BTreeMap, path::PathBuf};

use ebpf_build::{
    Error, Finding, Result, Target,
    build::{self, Artifact, Request},
    linker::{self, Linker},
    settings, strip_debug,
    toolchain::Toolchain,
    write_atomically,
};
use indicatif::HumanBytes;
use serde::Serialize;

use crate::{
    cli::{self, DebugInfo, Global},
    interrupt,
    outcome::Outcome,
    project::{EbpfCrate, Project},
    report::{self, Report, human},
};

/// The objects of a project.
#[derive(Debug, Serialize)]
pub(crate) struct Built {
    pub(crate) objects: Vec<BuiltObject>,
}

/// One object, where it is and what is in it.
#[derive(Debug, Serialize)]
pub(crate) struct BuiltObject {
    pub(crate) name: String,
    /// The package that it comes from.
    #[serde(rename = "crate")]
    pub(crate) from: String,
    pub(crate) path: PathBuf,
    target: &'static str,
    /// Of the file.
    bytes: u64,
    #[serde(flatten)]
    summary: Summary,
    /// Whether nothing had to be built.
    fresh: bool,
    warnings: Vec<Finding>,
}

/// Runs the command.
pub(crate) fn run(request: &cli::Build, global: &Global) -> Result<Outcome> {
    let project = Project::find(global)?;
    project.ebpf_crates()?;
    let toolchain = Toolchain::find()?;
    let linker = linker::find(&toolchain)?;
    let built = build_all(&project, request, &toolchain, &linker)?;
    report::write(&built, global.format)?;
    Ok(Outcome::Fine)
}

/// Builds every eBPF crate and copies the objects, once all of them are there.
///
/// # Errors
/// When the project has no eBPF crate, one does not build, two would make objects of
/// one name, or a copy cannot be written.
pub(crate) fn build_all(
    project: &Project,
    request: &cli::Build,
    toolchain: &Toolchain,
    linker: &Linker,
) -> Result<Built> {
    let mut owners: BTreeMap<PathBuf, String> = BTreeMap::new();
    let mut built = Vec::new();
    for ebpf in project.ebpf_crates()? {
        let target = target_of(ebpf, request)?;
        let artifacts = build::build(&request_for(ebpf, target, request), toolchain, linker)?;
        interrupt::check()?;
        for artifact in artifacts {
            let path = project.object_path(&artifact.name, target);
            if let Some(other) = owners.insert(path.clone(), ebpf.name.clone()) {
                return Err(Error::new(
                    "object-name-twice",
                    format!(
                        "{other} and {} both build an object {}",
                        ebpf.name, artifact.name
                    ),
                )
                .because(format!("both would be {}", path.display()))
                .fix("give one of them another `name` in its [[bin]]"));
            }
            built.push((ebpf, target, path, artifact));
        }
    }
    let objects = built
        .into_iter()
        .map(|(ebpf, target, path, artifact)| {
            copy(ebpf, target, path, artifact, request.debug_info)
        })
        .collect::<Result<_>>()?;
    Ok(Built { objects })
}

fn target_of(ebpf: &EbpfCrate, request: &cli::Build) -> Result<Target> {
    match request.target {
        Some(target) => Ok(target),
        None => Ok(settings::read(&ebpf.dir)?.target.unwrap_or_default()),
    }
}

fn request_for(ebpf: &EbpfCrate, target: Target, request: &cli::Build) -> Request {
    Request {
        target,
        cpu: request.cpu,
        deny: request.deny.clone(),
        ..Request::new(&ebpf.dir)
    }
}

fn copy(
    ebpf: &EbpfCrate,
    target: Target,
    path: PathBuf,
    artifact: Artifact,
    debug_info: DebugInfo,
) -> Result<BuiltObject> {
    artifact.warnings.iter().for_each(human::tell);
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
        bytes: content.len() as u64,
        summary: summary(&content)?,
        fresh: artifact.fresh,
        warnings: artifact.warnings,
    })
}

/// What is in an object, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Summary {
    programs: usize,
    maps: usize,
    /// Of all code, also of functions that programs call.
    instructions: u64,
}

fn summary(content: &[u8]) -> Result<Summary> {
    use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind, SymbolKind};

    let file = object::File::parse(content).map_err(|cause| {
        Error::new("object-broken", "the object that was built cannot be read")
            .because(cause.to_string())
    })?;
    let in_section = |symbol: &object::Symbol<'_, '_>, fits: &dyn Fn(&str, SectionKind) -> bool| {
        symbol
            .section_index()
            .and_then(|index| file.section_by_index(index).ok())
            .is_some_and(|section| fits(section.name().unwrap_or_default(), section.kind()))
    };
    // Programs have sections of their own; what they call lies in .text.
    let is_program = |name: &str, kind| kind == SectionKind::Text && name != ".text";
    let is_map = |name: &str, _| matches!(name, ".maps" | "maps");
    Ok(Summary {
        programs: file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Text && in_section(symbol, &is_program))
            .count(),
        maps: file
            .symbols()
            .filter(|symbol| symbol.kind() == SymbolKind::Data && in_section(symbol, &is_map))
            .count(),
        // An instruction is 8 bytes (a 64-bit load is two), see the kernel's
        // Documentation/bpf/standardization/instruction-set.rst.
        instructions: file
            .sections()
            .filter(|section| section.kind() == SectionKind::Text)
            .map(|section| section.size() / 8)
            .sum(),
    })
}

impl Report for Built {
    fn human(&self) -> String {
        let lines: Vec<String> = self.objects.iter().map(BuiltObject::line).collect();
        lines.join("\n")
    }
}

impl BuiltObject {
    /// For people: one line.
    pub(crate) fn line(&self) -> String {
        let Summary {
            programs,
            maps,
            instructions,
        } = self.summary;
        format!(
            "{}: {}, {}, {}, {} ({})",
            self.path.display(),
            HumanBytes(self.bytes),
            human::counted(programs as u64, "program"),
            human::counted(maps as u64, "map"),
            human::counted(instructions, "instruction"),
            if self.fresh { "unchanged" } else { "built" },
        )
    }
}
