//! The project that the user stands in: its eBPF crates, known by their dependencies and their
//! own cargo settings and never by name, and the native program that loads them.

mod build_scripts;
mod config;
mod crates;
mod loader;
mod manifest;
mod pin;
mod settings;
mod tree;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{Metadata, MetadataCommand, Package, PackageId};
use ebpf_build::{BuildTools, Error, Result, SHARED_BUILD_DIR};

use self::settings::Settings;
pub(crate) use self::{
    config::{CargoConfig, configs_of},
    crates::{EbpfCrate, PassedOver, Reason},
    loader::Loader,
    pin::ToolsByPin,
};
use crate::{
    budget::Tolerances,
    code::Code,
    host::{cargo, process::Spawner},
};

/// A cargo workspace (or a single crate) with the eBPF crates in and beside it.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder of the root manifest.
    pub(crate) root: PathBuf,
    /// Cargo's target folder of the native side.
    pub(crate) target_dir: PathBuf,
    /// Sorted by name.
    pub(crate) ebpf_crates: Vec<EbpfCrate>,
    /// The crates for BPF in its directory that are not built with it.
    pub(crate) passed_over: Vec<PassedOver>,
    metadata: Metadata,
}

impl Project {
    /// The project of `manifest`, else of the current directory.
    ///
    /// # Errors
    /// When there is none, or cargo cannot read it.
    pub(crate) fn find(manifest: Option<&Path>, spawner: &Spawner) -> Result<Self> {
        let start = match manifest {
            Some(manifest) => given_manifest(manifest)?,
            None => nearest_manifest(&current_dir()?)?,
        };
        let project = Self::read(&start, spawner)?;
        match project.enclosing(spawner)? {
            Some(around) => Ok(around),
            None => Ok(project),
        }
    }

    /// All eBPF crates; at least one.
    ///
    /// # Errors
    /// When the project has none: says what would make a crate one.
    pub(crate) fn ebpf_crates(&self) -> Result<&[EbpfCrate]> {
        if !self.ebpf_crates.is_empty() {
            return Ok(&self.ebpf_crates);
        }
        let error = Error::new(
            Code::EbpfCrateMissing,
            format!("the project in {} has no eBPF crate", self.root.display()),
        );
        Err(match self.without_programs() {
            Some(package) => error
                .because(format!(
                    "{} depends on aya-ebpf, but has no program",
                    package.name
                ))
                .fix(format!(
                    "add one, such as {}",
                    package.manifest_path.with_file_name("src/main.rs")
                )),
            None if !self.passed_over.is_empty() => {
                let each = |one: &PassedOver| format!("{} is skipped: {}", one.name, one.reason);
                let all: Vec<_> = self.passed_over.iter().map(each).collect();
                let first = self.passed_over[0].dir.join("Cargo.toml");
                error.because(all.join("\n")).fix(format!(
                    "pass one with --manifest-path, such as {}",
                    first.display()
                ))
            }
            None => error
                .because(
                    "no crate in or beside the workspace meets one of these conditions: it depends on \
                     aya-ebpf and has a binary; its .cargo/config.toml sets a bpf* build target; its \
                     Cargo.toml contains [package.metadata.ebpf]; a build script that uses aya-build \
                     or ebpf-build names it",
                )
                .fix("cd into the project that has one, or pass its --manifest-path"),
        })
    }

    /// The native program that loads the eBPF objects: in `package` and called `binary`, where
    /// the user names them.
    ///
    /// # Errors
    /// When the project has none, or several and the user names none.
    pub(crate) fn loader(&self, package: Option<&str>, binary: Option<&str>) -> Result<Loader> {
        loader::find(&self.metadata, &self.ebpf_crates, package, binary)
    }

    /// How much the figures in `ebpf.lock` may grow.
    ///
    /// # Errors
    /// When the root manifest says nonsense of it.
    pub(crate) fn tolerances(&self) -> Result<Tolerances> {
        Ok(Settings::of(&self.metadata)?.tolerance)
    }

    /// Names of the workspace's members that are eBPF crates: what cargo must leave
    /// out when it works on the whole workspace for the host.
    pub(crate) fn ebpf_members(&self) -> impl Iterator<Item = &str> {
        let members = &self.metadata.workspace_packages();
        let members: Vec<String> = members
            .iter()
            .map(|package| package.name.to_string())
            .collect();
        self.ebpf_crates
            .iter()
            .filter(move |ebpf| members.contains(&ebpf.name))
            .map(|ebpf| ebpf.name.as_str())
    }

    /// The member of the workspace that cargo calls `id`.
    pub(crate) fn member(&self, id: &PackageId) -> Option<&Package> {
        self.metadata
            .packages
            .iter()
            .find(|package| package.id == *id)
    }

    /// Where the object called `name` is copied to. The usual little-endian one gets
    /// the short path; the other has cargo's folder for its target in between, so that
    /// neither overwrites the other.
    pub(crate) fn object_path(&self, name: &str, target: ebpf_build::Target) -> PathBuf {
        let folder = self.objects_dir();
        match target {
            ebpf_build::Target::Little => folder.join(name),
            ebpf_build::Target::Big => folder.join(target.triple()).join(name),
        }
    }

    /// The folder of all copies.
    pub(crate) fn objects_dir(&self) -> PathBuf {
        self.target_dir.join("ebpf")
    }

    /// The tools of its eBPF crates, by the first.
    ///
    /// # Errors
    /// When no toolchain is found, or no linker that fits it.
    pub(crate) fn tools(&self) -> Result<BuildTools> {
        match self.ebpf_crates.first() {
            Some(first) => BuildTools::find_for(&first.dir),
            None => BuildTools::find(),
        }
    }

    /// The directory of intermediate results that its eBPF crates share. One alone has none, so
    /// that it shares them with a build by hand.
    pub(crate) fn shared_build_dir(&self) -> Option<PathBuf> {
        let several = self.ebpf_crates.len() > 1;
        several.then(|| self.target_dir.join(SHARED_BUILD_DIR))
    }

    fn read(manifest: &Path, spawner: &Spawner) -> Result<Self> {
        let mut command = MetadataCommand::new();
        command
            .manifest_path(manifest)
            .no_deps()
            .cargo_path(cargo::program());
        let output = spawner.command(command.cargo_command()).stdout();
        let text = output.map_err(|error| {
            if error.code() != Code::ProgramFailed.as_str() {
                return error;
            }
            let cause = error.finding().cause.clone().unwrap_or_default();
            manifest::broken(format!("cargo cannot read {}", manifest.display()), cause)
        })?;
        let metadata = MetadataCommand::parse(&text).map_err(|cause| {
            Error::new(
                Code::MetadataUnknown,
                "could not read what `cargo metadata` printed",
            )
            .because(cause.to_string())
        })?;
        let root = metadata.workspace_root.clone().into_std_path_buf();
        // What else is wrong with the settings is reported where they are used.
        let exclude = Settings::of(&metadata).map(|settings| settings.exclude);
        let crates::Found {
            crates,
            passed_over,
        } = crates::find(&root, &metadata, &exclude.unwrap_or_default())?;
        Ok(Self {
            target_dir: metadata.target_directory.clone().into_std_path_buf(),
            ebpf_crates: crates,
            passed_over,
            root,
            metadata,
        })
    }

    /// The project around eBPF crates that are a workspace of their own: the user may stand
    /// inside of a crate that is kept out of her workspace.
    fn enclosing(&self, spawner: &Spawner) -> Result<Option<Self>> {
        let Some(first) = self.ebpf_crates.first() else {
            return Ok(None);
        };
        if self.has_native_programs() {
            return Ok(None);
        }
        for folder in self.root.ancestors().skip(1) {
            let manifest = folder.join("Cargo.toml");
            if !manifest.is_file() {
                continue;
            }
            // What lies above is no part of this project, and no fault of it.
            let Ok(around) = Self::read(&manifest, spawner) else {
                spawner.check_interrupted()?;
                continue;
            };
            if around.ebpf_crates.iter().any(|ebpf| ebpf.dir == first.dir) {
                return Ok(Some(around));
            }
        }
        Ok(None)
    }

    /// Whether a member of the workspace has a program for the host.
    fn has_native_programs(&self) -> bool {
        let is_ebpf = |package: &Package| {
            let mut crates = self.ebpf_crates.iter();
            crates.any(|ebpf| {
                package
                    .manifest_path
                    .parent()
                    .is_some_and(|dir| dir == ebpf.dir)
            })
        };
        let packages = self.metadata.workspace_packages();
        let mut packages = packages.into_iter().filter(|package| !is_ebpf(package));
        packages.any(|package| package.targets.iter().any(|target| target.is_bin()))
    }

    /// A package that would be an eBPF crate if it had a program.
    fn without_programs(&self) -> Option<&Package> {
        self.metadata.packages.iter().find(|package| {
            package
                .dependencies
                .iter()
                .any(|needed| needed.name == "aya-ebpf")
        })
    }
}

fn current_dir() -> Result<PathBuf> {
    env::current_dir().map_err(|cause| {
        Error::new(Code::FolderGone, "the current directory cannot be read")
            .because(cause.to_string())
            .fix("cd into the project")
    })
}

fn given_manifest(manifest: &Path) -> Result<PathBuf> {
    let wrong = |cause: &str| {
        Error::new(
            Code::ManifestMissing,
            format!("{} is not a Cargo.toml", manifest.display()),
        )
        .because(cause)
        .fix("pass the path of the project's Cargo.toml to --manifest-path")
    };
    if manifest.file_name() != Some("Cargo.toml".as_ref()) {
        return Err(wrong("a manifest must be called Cargo.toml"));
    }
    fs::canonicalize(manifest).map_err(|cause| wrong(&cause.to_string()))
}

fn nearest_manifest(folder: &Path) -> Result<PathBuf> {
    folder
        .ancestors()
        .map(|folder| folder.join("Cargo.toml"))
        .find(|manifest| manifest.is_file())
        .ok_or_else(|| {
            Error::new(
                Code::ProjectMissing,
                format!("there is no Cargo.toml in {} or above", folder.display()),
            )
            .fix("cd into the project, or pass its --manifest-path")
        })
}
