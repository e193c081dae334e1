//! `verify --locked` and `verify --update`: holding the verdicts against `ebpf.lock`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use ebpf_base::untrusted;
use ebpf_build::{BuildTools, Error, Result, strip_debug, toolchain::Toolchain};
use ebpf_kernels::KernelSpec;

use crate::{
    budget::{self, Budget, Comparison, FILE, Tolerances},
    cli,
    code::Code,
    command::build::NamedObject,
    host::process::Spawner,
    project::Project,
    report::verify::{Held, Verification},
    verdict::OnKernel,
};

/// The project's `ebpf.lock`, and what is wanted of it.
pub(super) struct Lock {
    path: PathBuf,
    /// None where there is no file yet.
    committed: Option<Budget>,
    tolerances: Tolerances,
    update: bool,
    /// Whether it is held against all objects of the project.
    whole: bool,
}

impl Lock {
    /// # Errors
    /// When the file is missing and not about to be written, or cannot be read.
    pub(super) fn of(project: &Project, request: &cli::Verify) -> Result<Self> {
        let path = project.root.join(FILE);
        let committed = match budget::read(&path) {
            Ok(budget) => Some(budget),
            Err(error) if request.update && error.code() == budget::MISSING.as_str() => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            path,
            committed,
            tolerances: project.tolerances()?,
            update: request.update,
            whole: request.objects.is_empty(),
        })
    }

    /// The kernels that it is about; the running one where it is about none yet.
    ///
    /// # Errors
    /// When it names one that nobody could.
    pub(super) fn kernels(&self) -> Result<Vec<KernelSpec>> {
        let names = self
            .committed
            .iter()
            .flat_map(|budget| budget.kernels.keys());
        let wanted = names.map(|name| {
            KernelSpec::parse_for(name, budget::UNNAMED).map_err(|cause| {
                budget::broken(&self.path, format!("invalid kernel `{name}`: {cause}"))
                    .fix("cargo ebpf verify --update --kernel 6.1,6.12")
            })
        });
        let wanted: Vec<_> = wanted.collect::<Result<_>>()?;
        Ok(if wanted.is_empty() {
            vec![KernelSpec::Host]
        } else {
            wanted
        })
    }

    /// Holds `verification` of `objects` against it, or writes it anew.
    ///
    /// # Errors
    /// When an object cannot be read or the file cannot be written; when there is
    /// something that should not be written down, such as a kernel that did not come up.
    pub(super) fn hold(
        &self,
        verification: &Verification,
        objects: &[NamedObject],
        tools: BTreeMap<String, String>,
    ) -> Result<Held> {
        let names: Vec<_> = objects.iter().map(|object| name(&object.path)).collect();
        let sizes = objects.iter().map(|object| size(&object.path));
        let sizes: Vec<_> = sizes.collect::<Result<_>>()?;
        let made_with = tools.clone();
        let measured = budget::measure(&verification.kernels, &names, &sizes, tools);
        self.check_kernels(verification)?;
        let nothing = Budget::default();
        let comparison = budget::compare(
            self.committed.as_ref().unwrap_or(&nothing),
            &measured,
            self.whole,
            &self.tolerances,
        );
        if self.update {
            self.write(verification, measured)?;
        }
        Ok(Held {
            updated: self.update,
            other_tools: self.other_tools(&made_with),
            comparison: match &self.committed {
                Some(_) => comparison,
                // All of a first file is new.
                None => Comparison::default(),
            },
        })
    }

    /// # Errors
    /// When a kernel cannot stand in the file, or what is to be held is not about it.
    fn check_kernels(&self, verification: &Verification) -> Result<()> {
        for OnKernel { kernel, .. } in &verification.kernels {
            if kernel.parse::<KernelSpec>().is_err() {
                return Err(Error::new(
                    Code::BudgetKernelUnnamed,
                    format!("the kernel {kernel} cannot be recorded in {FILE}"),
                )
                .because("the path of an image identifies a kernel only on this machine")
                .fix("specify kernels by their versions: --kernel 6.1,6.12"));
            }
            let known = match &self.committed {
                Some(budget) if !self.update => &budget.kernels,
                _ => continue,
            };
            let kernel = budget::kernel_name(kernel);
            if !known.contains_key(&kernel) {
                let names: Vec<_> = known.keys().map(String::as_str).collect();
                return Err(Error::new(
                    Code::BudgetKernel,
                    format!("{FILE} has no entries for the kernel {kernel}"),
                )
                .because(format!("it has entries for {}", names.join(", ")))
                .fix(format!(
                    "cargo ebpf verify --update --kernel {},{kernel}",
                    names.join(",")
                )));
            }
        }
        Ok(())
    }

    /// The tools that are others than those which made what is committed: before, now.
    fn other_tools(&self, now: &BTreeMap<String, String>) -> Vec<(String, String, String)> {
        let committed = self.committed.iter().flat_map(|budget| &budget.tools);
        committed
            .filter_map(|(name, before)| {
                let now = now.get(name).filter(|now| *now != before)?;
                Some((name.clone(), before.clone(), now.clone()))
            })
            .collect()
    }

    fn write(&self, verification: &Verification, measured: Budget) -> Result<()> {
        let unfit = verification.kernels.iter().find_map(|kernel| {
            let broken = kernel
                .findings
                .first()
                .map(|finding| finding.message.clone());
            broken.or_else(|| {
                let no_rights = verification.lacks_rights();
                no_rights.then(|| "this process is not permitted to load BPF programs".to_owned())
            })
        });
        if let Some(cause) = unfit {
            return Err(Error::new(
                Code::BudgetIncomplete,
                format!("{FILE} was not written: not every kernel gave a verdict"),
            )
            .because(cause)
            .fix(
                "solve this problem, or omit the kernel: cargo ebpf verify --update --kernel LIST",
            ));
        }
        let committed = self.committed.clone().unwrap_or_default();
        budget::write(&self.path, &committed.updated(measured, self.whole))
    }
}

/// The name by which an object stands in the file.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    untrusted::name(&name.to_string_lossy())
}

/// The size of what is embedded.
fn size(path: &Path) -> Result<u64> {
    let bytes = fs::read(path).map_err(|cause| Error::io("read", path, &cause))?;
    Ok(strip_debug(&bytes)?.len() as u64)
}

/// The versions of what makes objects here.
pub(super) fn tools(tools: &BuildTools, spawner: &Spawner) -> BTreeMap<String, String> {
    let Toolchain { release, llvm, .. } = &tools.toolchain;
    let mut versions = BTreeMap::from([
        ("rustc".to_owned(), release.clone()),
        ("llvm".to_owned(), llvm.clone()),
    ]);
    // `bpf-linker 0.13.0`
    let said = spawner
        .program(&tools.linker.path)
        .arg("--version")
        .stdout();
    let version = said
        .ok()
        .and_then(|said| Some(untrusted::name(said.split_whitespace().nth(1)?)));
    versions.extend(version.map(|version| ("bpf-linker".to_owned(), version)));
    versions
}
