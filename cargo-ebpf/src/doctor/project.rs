//! Whether the project keeps its eBPF crates and its native side apart.

use std::{env, path::Path};

use ebpf_build::{
    Finding, Result, Severity, Target,
    settings::{self, Flag, Settings},
};

use super::only_a_warning;
use crate::{
    code::Code,
    min_kernel,
    project::{CargoConfig, EbpfCrate, PassedOver, Project, Reason, configs_of},
};

/// The checks of this group.
pub(super) fn check(project: Result<Project>) -> Vec<Finding> {
    let project = match project {
        Ok(project) => project,
        // The machine can be examined anywhere.
        Err(error) if error.code() == Code::ProjectMissing.as_str() => {
            return vec![only_a_warning(error.finding().clone())];
        }
        Err(error) => return vec![error.finding().clone()],
    };
    let mut findings = vec![match project.ebpf_crates() {
        Ok(crates) => Finding::fine(Code::Project, describe(&project, crates)),
        Err(error) => error.finding().clone(),
    }];
    for ebpf in &project.ebpf_crates {
        findings.extend(or_its_error(ebpf_crate(&project, ebpf)));
    }
    findings.extend(project.passed_over.iter().map(passed_over));
    findings.extend(or_its_error(root_config(&project)));
    findings.extend(or_its_error(loader(&project)));
    findings
}

fn or_its_error(findings: Result<Vec<Finding>>) -> Vec<Finding> {
    findings.unwrap_or_else(|error| vec![error.finding().clone()])
}

fn describe(project: &Project, crates: &[EbpfCrate]) -> String {
    let names: Vec<&str> = crates.iter().map(|ebpf| ebpf.name.as_str()).collect();
    format!(
        "{} has the eBPF crates {}",
        project.root.display(),
        names.join(", ")
    )
}

/// The checks of one crate: its config, its promise, and where it is.
fn ebpf_crate(project: &Project, ebpf: &EbpfCrate) -> Result<Vec<Finding>> {
    let settings = settings::read(&ebpf.dir)?;
    let target = settings.target.unwrap_or_default();
    let Some(file) = &settings.file else {
        let mut findings = vec![no_config(ebpf, target)];
        findings.extend(host_flags(ebpf, &settings, target));
        return Ok(findings);
    };
    let config = Config {
        name: &ebpf.name,
        file,
        settings: &settings,
        target,
    };
    let mut findings = vec![config.target(), config.linker()];
    findings.extend(config.lto());
    findings.push(config.flags());
    findings.extend(host_flags(ebpf, &settings, target));
    findings.extend(min_kernel(project, ebpf, &settings)?);
    findings.extend(workspace(project, ebpf));
    Ok(findings)
}

fn passed_over(one: &PassedOver) -> Finding {
    let finding = match one.reason {
        Reason::Unreadable(_) => Finding::warning,
        Reason::Aside(_) | Reason::Excluded | Reason::Copy(_) => Finding::fine,
    };
    let message = format!("{} is not built with the project: {}", one.name, one.reason);
    finding(Code::CratePassedOver, message).at(one.dir.join("Cargo.toml"), None)
}

fn no_config(ebpf: &EbpfCrate, target: Target) -> Finding {
    let name = &ebpf.name;
    let message = match ebpf.scripted {
        true => format!("{name} needs no .cargo/config.toml: a build script builds it"),
        false => format!("{name} has no .cargo/config.toml"),
    };
    let finding = Finding::warning(Code::ConfigMissing, message);
    if ebpf.scripted {
        return finding.severity(Severity::Fine);
    }
    finding
        .because("cargo ebpf passes the missing settings; a plain `cargo build` does not")
        .fix(whole_config(ebpf, target))
}

/// Which flags `cargo ebpf` leaves out where it passes all: cargo then passes none itself.
fn host_flags(ebpf: &EbpfCrate, settings: &Settings, target: Target) -> Option<Finding> {
    let file = settings.host_rustflags.first()?;
    let passes_all = !settings.missing(target).is_empty();
    passes_all.then(|| {
        Finding::fine(
            Code::HostFlags,
            format!(
                "the rustflags of [build] in {} are not passed to {}: they are for the host",
                file.display(),
                ebpf.name
            ),
        )
    })
}

/// The cargo config of an eBPF crate.
struct Config<'a> {
    /// The crate's name.
    name: &'a str,
    /// The file that was read.
    file: &'a Path,
    settings: &'a Settings,
    /// The target that it sets, else the default.
    target: Target,
}

impl Config<'_> {
    fn target(&self) -> Finding {
        let Self { name, target, .. } = self;
        match self.settings.target {
            Some(target) => {
                let whose = match self.settings.target_is_own {
                    true => "its own config",
                    false => "a cargo config above it",
                };
                let other = self
                    .settings
                    .other_target
                    .map_or_else(String::new, |other| {
                        format!(
                            ", which also lists {other}; {target} is used because it has the byte \
                             order of this machine"
                        )
                    });
                Finding::fine(
                    Code::Config,
                    format!("{name} is built for {target}, as set in {whose}{other}"),
                )
            }
            None => Finding::warning(
                Code::TargetMissing,
                format!("{name}'s config does not set a BPF target"),
            )
            .at(self.file, None)
            .fix(format!("add to it:\n[build]\ntarget = \"{target}\"")),
        }
    }

    fn linker(&self) -> Finding {
        let Self { name, target, .. } = self;
        let code = Code::ConfigLinker;
        match self.settings.linker.as_deref() {
            Some("bpf-linker") => Finding::fine(code, format!("{name} is linked by bpf-linker")),
            other => {
                let found = other.map_or_else(
                    || "does not set a linker".to_owned(),
                    |linker| format!("sets the linker {linker}"),
                );
                Finding::warning(code, format!("{name}'s config {found}"))
                    .because("a plain `cargo build` would not use bpf-linker")
                    .at(self.file, None)
                    .fix(format!(
                        "set below [target.{target}]:\nlinker = \"bpf-linker\""
                    ))
            }
        }
    }

    /// A finding only where it is missing.
    fn lto(&self) -> Option<Finding> {
        if self.settings.profile_lto {
            return None;
        }
        Some(
            Finding::warning(
                Code::ProfileLtoMissing,
                format!("{}'s release profile does not enable LTO", self.name),
            )
            .because(
                "cargo then passes embed-bitcode=no, which rustc rejects together with -C lto; \
                 cargo ebpf enables LTO, but a plain `cargo build` fails",
            )
            .fix("add to its Cargo.toml:\n[profile.release]\nlto = true"),
        )
    }

    /// All flags that are missing, with what each is for.
    fn flags(&self) -> Finding {
        let Self { name, target, .. } = self;
        let missing = self.settings.missing(*target);
        if missing.is_empty() {
            return Finding::fine(Code::Flags, format!("{name} has all required rustflags"));
        }
        let list = |of: &dyn Fn(&Flag) -> String, separator: &str| {
            let texts: Vec<String> = missing.iter().map(of).collect();
            texts.join(separator)
        };
        let flags = list(&|flag| format!("-C {}", flag.assignment()), ", ");
        let reasons = list(
            &|flag| format!("{}: {}", flag.assignment(), flag.reason),
            "\n",
        );
        let lines = list(&|flag| format!("\"-C\", \"{}\",", flag.assignment()), "\n");
        let noun = if missing.len() == 1 { "flag" } else { "flags" };
        Finding::warning(
            Code::FlagMissing,
            format!("{name} lacks the rust{noun} {flags}"),
        )
        .because(format!(
            "cargo ebpf passes the missing flags; a plain `cargo build` does not\n{reasons}"
        ))
        .at(self.file, None)
        .fix(format!(
            "add to rustflags below [target.{target}]:\n{lines}"
        ))
    }
}

/// Whether each object runs on the `min-kernel` of its crate, if it has one.
fn min_kernel(project: &Project, ebpf: &EbpfCrate, settings: &Settings) -> Result<Vec<Finding>> {
    let Some(promised) = settings.min_kernel else {
        return Ok(Vec::new());
    };
    let target = settings.target.unwrap_or_default();
    let finding = |object: String| {
        let path = project.object_path(&object, target);
        if path.is_file() {
            return min_kernel::finding(ebpf, promised, &settings.optional, &path);
        }
        Ok(Finding::fine(
            Code::MinKernelDeclared,
            format!(
                "{} declares min-kernel {promised}, which is checked when the crate is built",
                ebpf.name
            ),
        ))
    };
    ebpf.objects()?.into_iter().map(finding).collect()
}

/// Whether the crate is outside of the native workspace. A project of its own has none.
fn workspace(project: &Project, ebpf: &EbpfCrate) -> Option<Finding> {
    let name = &ebpf.name;
    if ebpf.dir == project.root {
        return None;
    }
    if !ebpf.member {
        return Some(Finding::fine(
            Code::EbpfCrateApart,
            format!("{name} is outside of the workspace"),
        ));
    }
    let directory = ebpf.dir.strip_prefix(&project.root).unwrap_or(&ebpf.dir);
    Some(
        Finding::warning(
            Code::EbpfCrateInWorkspace,
            format!("{name} is a member of the workspace"),
        )
        .because("a plain cargo build of the workspace tries to build it for the host")
        .at(project.root.join("Cargo.toml"), None)
        .fix(format!(
            "add exclude = [\"{0}\"] to [workspace] in the root Cargo.toml, and an empty \
             [workspace] to {0}/Cargo.toml",
            directory.display()
        )),
    )
}

/// The whole file, to paste.
fn whole_config(ebpf: &EbpfCrate, target: Target) -> String {
    let flags: Vec<String> = settings::REQUIRED_RUSTFLAGS
        .iter()
        .map(|flag| format!("\"-C\", \"{}\"", flag.assignment()))
        .collect();
    format!(
        "write {}:\n[build]\ntarget = \"{target}\"\n[target.{target}]\n\
         linker = \"bpf-linker\"\nrustflags = [{}]",
        ebpf.dir.join(".cargo/config.toml").display(),
        flags.join(", ")
    )
}

/// Nothing about BPF where the native side would see it: at the root, above it, or in
/// CARGO_HOME.
fn root_config(project: &Project) -> Result<Vec<Finding>> {
    let own = project
        .ebpf_crates
        .iter()
        .any(|ebpf| ebpf.dir == project.root);
    let configs: Vec<CargoConfig> = configs_of(&project.root)?
        .into_iter()
        .filter(|config| !own || !config.path.starts_with(&project.root))
        .collect();
    let findings: Vec<Finding> = configs.iter().filter_map(leak).collect();
    if findings.is_empty() {
        return Ok(vec![Finding::fine(
            Code::RootConfig,
            "no cargo config in the project root or its parent directories contains BPF settings",
        )]);
    }
    Ok(findings)
}

fn leak(config: &CargoConfig) -> Option<Finding> {
    let file = config.path.display();
    if let [target, ..] = config.default_bpf_targets().as_slice() {
        return Some(
            Finding::error(
                Code::BpfTargetAtRoot,
                format!("{file} sets the build target {target} for all crates"),
            )
            .because("cargo applies it to every build below its directory, including native ones")
            .at(&config.path, None)
            .fix("move [build] target from this file to the eBPF crate's .cargo/config.toml"),
        );
    }
    let setting = config.bpf_setting()?;
    Some(
        Finding::warning(
            Code::BpfSettingAtRoot,
            format!("{file} contains a BPF setting: {setting}"),
        )
        .because("settings for one crate belong in a config in its directory")
        .at(&config.path, None)
        .fix("move the setting from this file to the eBPF crate's .cargo/config.toml"),
    )
}

/// The native loader is there, and native.
fn loader(project: &Project) -> Result<Vec<Finding>> {
    let alone = project
        .ebpf_crates
        .iter()
        .any(|ebpf| ebpf.dir == project.root);
    let loader = match project.loader(None, None) {
        Ok(loader) => loader,
        Err(_) if alone => return Ok(Vec::new()),
        // Objects can be built without one.
        Err(error) => return Ok(vec![only_a_warning(error.finding().clone())]),
    };
    let variable = "CARGO_BUILD_TARGET";
    if let Ok(target) = env::var(variable)
        && target.starts_with("bpf")
    {
        let message = format!("{variable}={target} sets a BPF target for all crates");
        return Ok(vec![not_native(message).fix(format!("unset {variable}"))]);
    }
    let for_bpf = configs_of(&loader.dir)?
        .into_iter()
        .find(|config| !config.default_bpf_targets().is_empty());
    Ok(vec![match for_bpf {
        Some(config) => not_native(format!(
            "the loader {} would be built for BPF",
            loader.package
        ))
        .at(&config.path, None)
        .fix(format!(
            "remove the BPF target from {}",
            config.path.display()
        )),
        None => Finding::fine(
            Code::LoaderNative,
            format!("the loader {} is built for this machine", loader.package),
        ),
    }])
}

fn not_native(message: String) -> Finding {
    Finding::error(Code::LoaderNotNative, message)
}
