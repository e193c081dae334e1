//! The native program that loads a project's eBPF objects.

use std::{collections::BTreeSet, path::PathBuf};

use cargo_metadata::{DependencyKind, Metadata, Package, TargetKind};
use ebpf_build::{Error, Result};

use super::{crates::EbpfCrate, settings::Settings};

use crate::code::Code;

/// A binary of the workspace, and what to run when the user gives no arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Loader {
    pub(crate) package: String,
    pub(crate) binary: String,
    /// The cargo profile to build it in.
    pub(crate) profile: String,
    /// The folder of its Cargo.toml.
    pub(crate) dir: PathBuf,
    pub(crate) has_build_script: bool,
    /// Arguments, where `{loader}` stands for the loader's own path.
    pub(crate) demo: Vec<String>,
}

const FIX: &str =
    "name the loader in the root Cargo.toml:\n[workspace.metadata.ebpf]\nloader = \"PACKAGE\"";

/// The loader that the user names, or the workspace, else the only binary package that looks like
/// one: it depends on aya, or builds the eBPF crate in its build script; else, the only one that
/// depends on such a package of the workspace.
pub(super) fn find(
    metadata: &Metadata,
    ebpf_crates: &[EbpfCrate],
    named: Option<&str>,
    program: Option<&str>,
) -> Result<Loader> {
    let settings = Settings::of(metadata)?;
    let packages: Vec<&Package> = metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| !ebpf_crates.iter().any(|ebpf| *package.name == ebpf.name))
        .collect();
    let package = match named.or(settings.loader.as_deref()) {
        Some(name) => packages
            .iter()
            .find(|package| *package.name == *name)
            .copied()
            .ok_or_else(|| {
                let by = match named {
                    Some(_) => "--package",
                    None => "the root Cargo.toml",
                };
                Error::new(
                    Code::LoaderUnknown,
                    format!("the workspace has no package {name}"),
                )
                .because(format!("{by} sets it as the loader"))
                .fix(FIX)
            })?,
        None => guess(&packages)?,
    };
    let all: Vec<&str> = binaries(package).collect();
    if let Some(program) = program.filter(|program| !all.contains(program)) {
        return Err(Error::new(
            Code::LoaderProgramUnknown,
            format!("package {} has no binary {program}", package.name),
        )
        .fix(format!("select one of: {}", all.join(", "))));
    }
    Ok(Loader {
        package: package.name.to_string(),
        binary: match program {
            Some(program) => program.to_owned(),
            None => binary(package)?,
        },
        profile: settings.loader_profile,
        dir: package
            .manifest_path
            .parent()
            .map(Into::into)
            .unwrap_or_default(),
        has_build_script: package
            .targets
            .iter()
            .any(|target| target.is_custom_build()),
        demo: settings.demo,
    })
}

fn guess<'a>(packages: &[&'a Package]) -> Result<&'a Package> {
    let (loading, others): (Vec<&Package>, Vec<&Package>) = packages
        .iter()
        .copied()
        .partition(|package| loads_ebpf(package));
    let programs = |packages: &[&'a Package]| -> Vec<&'a Package> {
        let programs = packages.iter().copied();
        programs
            .filter(|package| binaries(package).next().is_some())
            .collect()
    };
    let fitting = match programs(&loading) {
        none if none.is_empty() => programs(&depending_on(loading, others)),
        some => some,
    };
    let fitting = without_task_runner(fitting);
    match fitting.as_slice() {
        [one] => Ok(one),
        [] => Err(Error::new(
            Code::LoaderMissing,
            "no package of the project looks like a loader (a program that loads eBPF objects)",
        )
        .because(
            "no package with a binary depends on aya, or has ebpf-build or aya-build as a build \
             dependency, directly or through other packages of the workspace",
        )
        .fix(FIX)),
        several => {
            let names: Vec<&str> = several
                .iter()
                .map(|package| package.name.as_str())
                .collect();
            Err(Error::new(
                Code::LoaderAmbiguous,
                "several packages of the project look like loaders",
            )
            .because(names.join(", "))
            .fix(FIX))
        }
    }
}

/// `packages` without the one that runs a workspace's own tasks, by the convention of its name,
/// where there are others.
fn without_task_runner(mut packages: Vec<&Package>) -> Vec<&Package> {
    if packages.len() > 1 {
        packages.retain(|package| *package.name != "xtask");
    }
    packages
}

fn loads_ebpf(package: &Package) -> bool {
    package.dependencies.iter().any(|needed| match needed.kind {
        DependencyKind::Normal => needed.name == "aya",
        DependencyKind::Build => ["ebpf-build", "aya-build"].contains(&needed.name.as_str()),
        _ => false,
    })
}

/// Those of `others` that depend on one of `packages`, directly or through each other.
fn depending_on<'a>(packages: Vec<&'a Package>, others: Vec<&'a Package>) -> Vec<&'a Package> {
    let mut names: BTreeSet<&str> = packages.iter().map(|one| one.name.as_str()).collect();
    let (mut found, mut rest) = (Vec::new(), others);
    loop {
        let (more, without): (Vec<&Package>, Vec<&Package>) =
            rest.into_iter().partition(|package| {
                let mut needed = package.dependencies.iter();
                needed.any(|needed| {
                    needed.kind == DependencyKind::Normal && names.contains(needed.name.as_str())
                })
            });
        if more.is_empty() {
            return found;
        }
        names.extend(more.iter().map(|package| package.name.as_str()));
        found.extend(more);
        rest = without;
    }
}

fn binaries(package: &Package) -> impl Iterator<Item = &str> {
    package
        .targets
        .iter()
        .filter(|target| target.kind.contains(&TargetKind::Bin))
        .map(|target| target.name.as_str())
}

fn binary(package: &Package) -> Result<String> {
    let all: Vec<&str> = binaries(package).collect();
    let named_as_package = all.iter().find(|name| **name == package.name.as_str());
    match (&package.default_run, named_as_package, all.as_slice()) {
        (Some(name), _, _) => Ok(name.clone()),
        (_, Some(name), _) => Ok((*name).to_owned()),
        (_, _, [one]) => Ok((*one).to_owned()),
        (_, _, []) => Err(Error::new(
            Code::LoaderWithoutProgram,
            format!("package {} has no binary to run", package.name),
        )
        .fix(FIX)),
        (_, _, several) => Err(Error::new(
            Code::LoaderProgramAmbiguous,
            format!("package {} has several binaries", package.name),
        )
        .because(several.join(", "))
        .fix(format!("set `default-run` in {}", package.manifest_path))),
    }
}
