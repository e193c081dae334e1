//! Whether the project keeps its eBPF crates and its native side apart.

use std::env;

use ebpf_build::{Finding, Result, Target, settings};

use super::only_a_warning;
use crate::{
    code::Code,
    min_kernel,
    project::{CargoConfig, EbpfCrate, Project, configs_of},
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

/// A crate's own config, its flags, and its place.
fn ebpf_crate(project: &Project, ebpf: &EbpfCrate) -> Result<Vec<Finding>> {
    let settings = settings::read(&ebpf.dir)?;
    let target = settings.target.unwrap_or_default();
    let name = &ebpf.name;
    let mut findings = Vec::new();

    let Some(file) = &settings.file else {
        return Ok(vec![
            Finding::warning(
                Code::ConfigMissing,
                format!("{name} has no .cargo/config.toml"),
            )
            .because("cargo ebpf passes what is missing; a cargo build by hand does not")
            .fix(whole_config(ebpf, target)),
        ]);
    };
    findings.push(match settings.target {
        Some(target) => Finding::fine(
            Code::Config,
            format!("{name} is built for {target} by its own config"),
        ),
        None => Finding::warning(
            Code::TargetMissing,
            format!("{name}'s config names no BPF target"),
        )
        .at(file, None)
        .fix(format!("add to it:\n[build]\ntarget = \"{target}\"")),
    });
    let code = Code::ConfigLinker;
    if settings.linker.as_deref() == Some("bpf-linker") {
        findings.push(Finding::fine(
            code,
            format!("{name} is linked by bpf-linker"),
        ));
    } else {
        let found = settings.linker.as_deref().unwrap_or("no linker");
        findings.push(
            Finding::warning(code, format!("{name}'s config names {found}"))
                .because("a cargo build by hand would not use bpf-linker")
                .at(file, None)
                .fix(format!(
                    "set below [target.{target}]:\nlinker = \"bpf-linker\""
                )),
        );
    }

    if !settings.profile_lto {
        findings.push(
            Finding::warning(
                Code::ProfileLtoMissing,
                format!("{name}'s release profile does not ask for LTO"),
            )
            .because(
                "cargo then passes embed-bitcode=no, which rustc refuses beside -C lto; \
                 cargo ebpf sets it, a build by hand fails",
            )
            .fix("add to its Cargo.toml:\n[profile.release]\nlto = true"),
        );
    }
    let missing = settings.missing(target);
    if missing.is_empty() {
        findings.push(Finding::fine(
            Code::Flags,
            format!("{name} has all rustflags"),
        ));
    }
    findings.extend(missing.iter().map(|flag| {
        Finding::warning(
            Code::FlagMissing,
            format!("{name} lacks the rustflag -C {}", flag.assignment()),
        )
        .because(format!(
            "{}; cargo ebpf passes it, a build by hand does not",
            flag.reason
        ))
        .at(file, None)
        .fix(format!(
            "add to rustflags below [target.{target}]:\n\"-C\", \"{}\",",
            flag.assignment()
        ))
    }));

    if let Some(promised) = settings.min_kernel {
        for object in ebpf.objects()? {
            let path = project.object_path(&object, target);
            findings.push(if path.is_file() {
                min_kernel::finding(ebpf, promised, &settings.optional, &path)?
            } else {
                Finding::fine(
                    Code::MinKernelDeclared,
                    format!("{name} is for Linux {promised} and newer; its build checks that"),
                )
            });
        }
    }

    if ebpf.dir == project.root {
        // A project of its own: there is no workspace to keep it out of.
    } else if ebpf.member {
        let folder = ebpf.dir.strip_prefix(&project.root).unwrap_or(&ebpf.dir);
        findings.push(
            Finding::warning(
                Code::EbpfCrateInWorkspace,
                format!("{name} is a member of the workspace"),
            )
            .because("a plain cargo build of the workspace tries to build it for the host")
            .at(project.root.join("Cargo.toml"), None)
            .fix(format!(
                "exclude = [\"{}\"] in the root Cargo.toml, and an empty [workspace] in its own",
                folder.display()
            )),
        );
    } else {
        findings.push(Finding::fine(
            Code::EbpfCrateApart,
            format!("{name} is outside of the workspace"),
        ));
    }
    Ok(findings)
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
            "no cargo config at the root or above speaks of BPF",
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
                format!("{file} builds everything for {target}"),
            )
            .because("cargo merges it into every build below its folder, the native ones too")
            .at(&config.path, None)
            .fix("move its [build] target to the eBPF crate's own .cargo/config.toml"),
        );
    }
    let setting = config.bpf_setting()?;
    Some(
        Finding::warning(
            Code::BpfSettingAtRoot,
            format!("{file} has settings for BPF: {setting}"),
        )
        .because("settings for one crate belong beside that crate")
        .at(&config.path, None)
        .fix("move them to the eBPF crate's own .cargo/config.toml"),
    )
}

/// The native loader is there, and native.
fn loader(project: &Project) -> Result<Vec<Finding>> {
    let alone = project
        .ebpf_crates
        .iter()
        .any(|ebpf| ebpf.dir == project.root);
    let loader = match project.loader() {
        Ok(loader) => loader,
        Err(_) if alone => return Ok(Vec::new()),
        // Objects can be built without one.
        Err(error) => return Ok(vec![only_a_warning(error.finding().clone())]),
    };
    let variable = "CARGO_BUILD_TARGET";
    if let Ok(target) = env::var(variable)
        && target.starts_with("bpf")
    {
        let message = format!("{variable}={target} builds everything for BPF");
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
