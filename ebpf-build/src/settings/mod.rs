//! The build settings of an eBPF crate: `.cargo/config.toml`, its own and those above, and
//! `[package.metadata.ebpf]` in its manifest.

mod document;
mod flags;
mod manifest;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use cargo_metadata::cargo_platform::Platform;
use serde_json::Value;

use self::{
    document::{at, parse, strings},
    flags::codegen_options,
    manifest::{depends_on_aya, is_freestanding, min_kernel, programs, table},
};
pub use self::{
    flags::{Flag, REQUIRED_RUSTFLAGS, has_lto},
    manifest::AYA_CRATES,
};
use crate::{Code, Error, KernelVersion, Result, check::WARNING_CODES, target::Target};

/// The build settings of a crate.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// The crate's own cargo config, else the nearest one above that sets a BPF target.
    pub file: Option<PathBuf>,
    /// The BPF target in it, else in the nearest config above that has one. Of two, it is the
    /// one with the byte order of this machine.
    pub target: Option<Target>,
    /// The other one, if both are listed.
    pub other_target: Option<Target>,
    /// Whether the target is in the crate's own config.
    pub target_is_own: bool,
    /// The linker that it names for a BPF target.
    pub linker: Option<String>,
    /// Whether the manifest has `[package.metadata.ebpf]`.
    pub declared: bool,
    /// The names of its programs, as cargo finds them.
    pub programs: BTreeSet<String>,
    /// Whether it depends on aya-ebpf: its programs compile for BPF only.
    pub depends_on_aya: bool,
    /// Whether one of its programs is `#![no_main]`.
    pub freestanding: bool,
    /// Codes of warnings that `[package.metadata.ebpf] deny` makes errors.
    pub deny: Vec<String>,
    /// The oldest kernel that the crate's object is for, by `[package.metadata.ebpf]
    /// min-kernel`.
    pub min_kernel: Option<KernelVersion>,
    /// Programs that the loader leaves out where the kernel lacks what they attach to, by
    /// `[package.metadata.ebpf] optional`.
    pub optional: Vec<String>,
    /// The entries of maps that the loader sizes, by `[package.metadata.ebpf] map-sizes`.
    pub map_sizes: BTreeMap<String, u32>,
    /// The values of global variables that the loader sets, by `[package.metadata.ebpf] set`.
    pub values: BTreeMap<String, String>,
    /// Whether the manifest's release profile asks for LTO itself. Without that cargo
    /// passes embed-bitcode=no, which rustc refuses beside `-C lto`.
    pub profile_lto: bool,
    /// Whether a config asks for libraries to be built (`[unstable] build-std`), as a nightly cargo
    /// does by itself then.
    pub build_std: bool,
    /// Cargo configs above the crate whose `[build] rustflags` are not passed on: they set no
    /// BPF target, so the flags are for the host.
    pub host_rustflags: Vec<PathBuf>,
    /// Of each target that has some.
    rustflags: Vec<(Target, Vec<String>)>,
    /// Those that count where the target has none.
    build_rustflags: Vec<String>,
}

impl Settings {
    /// Whether the crate is one for BPF, by its config or its manifest. A target in a config above
    /// counts for crates below it that no host could run.
    pub fn is_ebpf(&self) -> bool {
        let inherited = self.target.is_some() && self.freestanding;
        self.target_is_own
            || self.declared
            || (self.depends_on_aya || inherited) && !self.programs.is_empty()
    }

    /// Takes the flags of all targets and the linker from a config.
    fn take(&mut self, config: &Value) {
        let flags = strings(at(config, &["build", "rustflags"]));
        self.build_rustflags.extend(flags);
        let linker = Target::ALL.iter().find_map(|target| {
            let linker = at(config, &["target", target.triple(), "linker"])?;
            linker.as_str().map(str::to_owned)
        });
        self.linker = linker.or(self.linker.take());
    }

    /// Takes the target from a config, if that names one. Whether it is for BPF.
    fn build_for(&mut self, config: &Value) -> bool {
        if at(config, &["build", "target"]).is_none() {
            return false;
        }
        let targets = bpf_targets(config);
        // A project that lists both can be built for either; its loader runs here.
        let host = targets.iter().find(|target| **target == Target::host());
        self.target = host.or(targets.first()).copied();
        let mut others = targets.into_iter();
        self.other_target = others.find(|other| Some(*other) != self.target);
        self.target.is_some()
    }

    /// The flags that cargo takes for `target` from the config of the crate and from those above
    /// it: the target's own, else those of `[build]`.
    pub fn rustflags(&self, target: Target) -> &[String] {
        self.rustflags
            .iter()
            .find(|(of, _)| *of == target)
            .map_or(&self.build_rustflags, |(_, flags)| flags)
    }

    /// All flags that a build passes for `target`: the crate's own ones and, after them, those that
    /// every build needs, spelled and ordered alike for all crates. To cargo, another spelling or
    /// order is another set of flags, for which it compiles core anew.
    pub fn complete_rustflags(&self, target: Target) -> Vec<String> {
        let mut flags = Vec::new();
        let mut given = self.rustflags(target).iter();
        while let Some(flag) = given.next() {
            let split = flag == "-C" || flag == "--codegen";
            let value = if split { given.next() } else { None };
            let words: Vec<String> = [Some(flag), value].into_iter().flatten().cloned().collect();
            let is_required = codegen_options(&words)
                .iter()
                .any(|option| REQUIRED_RUSTFLAGS.iter().any(|flag| flag.is(option)));
            if !is_required {
                flags.extend(words);
            }
        }
        let required = REQUIRED_RUSTFLAGS
            .iter()
            .flat_map(|flag| ["-C".to_owned(), flag.assignment()]);
        flags.extend(required);
        flags
    }

    /// The flags that the crate's config lacks for `target`. A build passes them.
    pub fn missing(&self, target: Target) -> Vec<Flag> {
        let given = codegen_options(self.rustflags(target));
        REQUIRED_RUSTFLAGS
            .into_iter()
            .filter(|flag| !given.iter().any(|option| flag.is(option)))
            .collect()
    }
}

/// Reads the settings of the crate in `folder`. A crate without a cargo config has
/// none; a folder without a `Cargo.toml` is no crate.
///
/// # Errors
/// When a file is there and cannot be read or is not TOML, or `[package.metadata.ebpf]`
/// has a value that is not allowed there.
pub fn read(folder: &Path) -> Result<Settings> {
    let manifest = parse(&folder.join("Cargo.toml"))?;
    let mut settings = Settings::default();
    if let Some(metadata) = at(&manifest, &["package", "metadata", "ebpf"]) {
        settings.declared = true;
        settings.min_kernel = min_kernel(metadata, folder)?;
        settings.optional = strings(metadata.get("optional"));
        settings.deny = strings(metadata.get("deny"));
        settings.map_sizes = table(metadata, "map-sizes", folder, |size| {
            size.as_i64()?.try_into().ok()
        })?;
        settings.values = table(metadata, "set", folder, |value| match value {
            Value::Number(value) if !value.is_f64() => Some(value.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => value.as_str().map(str::to_owned),
        })?;
        if let Some(unknown) = settings
            .deny
            .iter()
            .find(|code| !WARNING_CODES.contains(&code.as_str()))
        {
            return Err(Error::new(
                Code::DenyUnknown,
                format!(
                    "`deny` in {} contains `{unknown}`, which is not the code of a warning",
                    folder.join("Cargo.toml").display()
                ),
            )
            .fix(format!(
                "use only codes of warnings: {}",
                WARNING_CODES.join(", ")
            )));
        }
    }
    settings.programs = programs(&manifest, folder);
    settings.freestanding = is_freestanding(&manifest, folder);
    settings.depends_on_aya = depends_on_aya(&manifest);
    settings.profile_lto = at(&manifest, &["profile", "release", "lto"])
        .is_some_and(|lto| *lto == Value::Bool(true) || lto.as_str() == Some("fat"));

    let own = config_in(folder);
    let above = folder.ancestors().skip(1).filter_map(config_in);
    // What is wrong with one of another project, cargo reports.
    let above = above.filter_map(|file| Some((parse(&file).ok()?, file)));
    let mut above: Vec<(Value, PathBuf)> = above.collect();
    // Where several have a list, cargo puts the nearest one's at the end.
    above.reverse();
    let mut configs = Vec::new();
    for (config, file) in above {
        let for_bpf = settings.build_for(&config);
        if !for_bpf && at(&config, &["build", "rustflags"]).is_some() {
            settings.host_rustflags.push(file);
        } else {
            settings.take(&config);
            settings.file = for_bpf.then_some(file).or(settings.file);
        }
        configs.push(config);
    }
    if let Some(file) = own {
        let config = parse(&file)?;
        settings.target_is_own = settings.build_for(&config);
        settings.take(&config);
        settings.file = Some(file);
        configs.push(config);
    }
    settings.build_std = configs
        .iter()
        .any(|config| at(config, &["unstable", "build-std"]).is_some());
    for target in Target::ALL {
        let flags: Vec<String> = [false, true]
            .iter()
            .flat_map(|cfg| {
                configs
                    .iter()
                    .flat_map(|config| target_flags(config, target, *cfg))
            })
            .collect();
        if !flags.is_empty() {
            settings.rustflags.push((target, flags));
        }
    }
    Ok(settings)
}

/// The cargo config in `folder`. Cargo reads both names, the one without an ending first.
fn config_in(folder: &Path) -> Option<PathBuf> {
    ["config", "config.toml"]
        .map(|name| folder.join(".cargo").join(name))
        .into_iter()
        .find(|file| file.is_file())
}

/// The BPF targets that a config builds for by default.
fn bpf_targets(config: &Value) -> Vec<Target> {
    strings(at(config, &["build", "target"]))
        .iter()
        .filter_map(|target| target.parse().ok())
        .collect()
}

/// The flags that a config has for `target`: by its triple, or by a `cfg` that it fulfils.
fn target_flags(config: &Value, target: Target, by_cfg: bool) -> Vec<String> {
    let tables = config.get("target").and_then(Value::as_object);
    tables
        .into_iter()
        .flatten()
        .filter(|(name, _)| match name.parse() {
            Ok(platform @ Platform::Cfg(_)) => {
                by_cfg && platform.matches(target.triple(), &target.cfgs())
            }
            Ok(Platform::Name(name)) => !by_cfg && name == target.triple(),
            Err(_) => false,
        })
        .flat_map(|(_, table)| strings(table.get("rustflags")))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn crate_with(manifest: &str, config: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        if let Some(config) = config {
            fs::create_dir(folder.path().join(".cargo")).unwrap();
            fs::write(folder.path().join(".cargo/config.toml"), config).unwrap();
        }
        folder
    }

    #[test]
    fn programs_that_depend_on_aya_ebpf_are_for_bpf() {
        let is_ebpf = |dependencies: &str| {
            let folder = crate_with(
                &format!("[package]\nname = \"probe\"\n{dependencies}"),
                None,
            );
            fs::create_dir(folder.path().join("src")).unwrap();
            let library = read(folder.path()).unwrap().is_ebpf();
            fs::write(folder.path().join("src/main.rs"), "").unwrap();
            assert!(!library, "a library is built into programs of either side");
            read(folder.path()).unwrap().is_ebpf()
        };
        assert!(is_ebpf("[dependencies]\naya-ebpf = \"0.2\"\n"));
        assert!(is_ebpf("[dependencies]\naya-ebpf.workspace = true\n"));
        assert!(is_ebpf(
            "[dependencies]\nb = { git = \"x\", package = \"aya-bpf\" }\n"
        ));
        assert!(is_ebpf(
            "[target.'cfg(target_arch = \"bpf\")'.dependencies]\naya-ebpf = \"0.2\"\n"
        ));
        assert!(!is_ebpf("[dependencies]\naya = \"0.14\"\n"));
        assert!(!is_ebpf("[dev-dependencies]\naya-ebpf = \"0.2\"\n"));
    }

    #[test]
    fn of_two_targets_the_hosts_byte_order_counts() {
        let config = "[build]\ntarget = [\"bpfeb-unknown-none\", \"bpfel-unknown-none\"]\n";
        let folder = crate_with("[package]\n", Some(config));
        assert_eq!(read(folder.path()).unwrap().target, Some(Target::Little));
        let config = "[build]\ntarget = [\"bpfeb-unknown-none\"]\n";
        let folder = crate_with("[package]\n", Some(config));
        assert_eq!(read(folder.path()).unwrap().target, Some(Target::Big));
    }

    #[test]
    fn the_other_of_two_targets_is_known() {
        for listed in [
            "bpfeb-unknown-none\", \"bpfel",
            "bpfel-unknown-none\", \"bpfeb",
        ] {
            let config = format!("[build]\ntarget = [\"{listed}-unknown-none\"]\n");
            let settings = read(crate_with("[package]\n", Some(&config)).path()).unwrap();
            assert_eq!(settings.target, Some(Target::Little));
            assert_eq!(settings.other_target, Some(Target::Big));
        }
    }

    #[test]
    fn a_target_above_counts_for_what_has_no_main() {
        let folder = crate_with("", Some("[build]\ntarget = \"bpfel-unknown-none\"\n"));
        let probe = folder.path().join("probe");
        let with = |file: &str, source: &str| {
            let file = probe.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, source).unwrap();
            let settings = read(&probe).unwrap();
            fs::remove_file(file).unwrap();
            assert_eq!(settings.target, Some(Target::Little));
            assert!(!settings.target_is_own);
            settings.is_ebpf()
        };
        fs::create_dir(&probe).unwrap();
        fs::write(probe.join("Cargo.toml"), "[package]\nname = \"probe\"\n").unwrap();
        assert!(with("src/main.rs", "#![no_std]\n#![no_main]\n"));
        assert!(with("src/bin/one.rs", "#![cfg_attr(not(test), no_main)]\n"));
        assert!(with("src/bin/two/main.rs", "#![no_main]\n"));
        assert!(!with("src/main.rs", "// #![no_main]\nfn main() {}\n"));
        assert!(!with("src/lib.rs", "#![no_std]\n"));
        fs::create_dir(probe.join(".cargo")).unwrap();
        fs::write(
            probe.join(".cargo/config.toml"),
            "[build]\ntarget = \"x86_64-unknown-none\"\n",
        )
        .unwrap();
        assert_eq!(read(&probe).unwrap().target, None);
        fs::remove_dir_all(probe.join(".cargo")).unwrap();
        let manifest = "[package]\nname = \"probe\"\n[[bin]]\nname = \"p\"\npath = \"p.rs\"\n";
        fs::write(probe.join("Cargo.toml"), manifest).unwrap();
        assert!(with("p.rs", "#![no_main]\n"));
        // The name of an object is that of its binary.
        assert_eq!(
            read(&probe).unwrap().programs,
            BTreeSet::from(["p".to_owned()])
        );
    }

    fn missing(rustflags: &str) -> Vec<&'static str> {
        let config = format!("[target.bpfel-unknown-none]\nrustflags = {rustflags}\n");
        let folder = crate_with("[package]\n", Some(&config));
        let missing = read(folder.path()).unwrap().missing(Target::Little);
        missing.iter().map(|flag| flag.option).collect()
    }

    #[test]
    fn every_spelling_of_a_flag_counts() {
        assert_eq!(
            missing(
                r#"["-C", "panic=abort", "-Clto", "--codegen", "codegen-units=1",
                    "--codegen=debuginfo=full", "-C", "link-arg=--btf"]"#
            ),
            [""; 0]
        );
        assert_eq!(missing("\"-C panic=abort -C lto=fat\"").len(), 3);
    }

    #[test]
    fn crates_get_the_same_flags_however_they_have_them() {
        let of = |rustflags: &str| {
            let config = format!("[target.bpfel-unknown-none]\nrustflags = {rustflags}\n");
            let folder = crate_with("[package]\n", Some(&config));
            let flags = read(folder.path())
                .unwrap()
                .complete_rustflags(Target::Little);
            flags.join(" ")
        };
        let all = Settings::default()
            .complete_rustflags(Target::Little)
            .join(" ");
        for some in [
            "[]",
            r#"["-C", "debuginfo=2", "-C", "link-arg=--btf"]"#,
            r#""--codegen=debuginfo=full -Clto -Cpanic=abort""#,
        ] {
            assert_eq!(of(some), all, "{some}");
        }
        let own =
            r#"["-C", "link-arg=--btf", "--cfg", "mine", "-Clto=thin", "-C", "target-cpu=v3"]"#;
        let kept = format!("--cfg mine -Clto=thin -C target-cpu=v3 {all}");
        assert_eq!(of(own), kept);
    }

    #[test]
    fn a_wrong_value_is_missing() {
        assert_eq!(
            missing(
                r#"["-Cpanic=abort", "-Clto=thin", "-Ccodegen-units=1", "-Cdebuginfo=1", "-Clink-arg=--btf"]"#
            ),
            ["lto", "debuginfo"]
        );
    }

    #[test]
    fn flags_of_one_target_are_not_the_others() {
        let config = "[build]\ntarget = [\"bpfel-unknown-none\"]\n\
            [target.bpfel-unknown-none]\nlinker = \"bpf-linker\"\nrustflags = [\"-Cpanic=abort\"]\n";
        let folder = crate_with("[package]\n", Some(config));
        let settings = read(folder.path()).unwrap();
        assert_eq!(settings.target, Some(Target::Little));
        assert_eq!(settings.linker.as_deref(), Some("bpf-linker"));
        assert_eq!(settings.missing(Target::Little).len(), 4);
        assert_eq!(settings.missing(Target::Big).len(), 5);
    }

    #[test]
    fn flags_of_build_count_where_the_target_has_none() {
        let config = "[build]\nrustflags = [\"-Cpanic=abort\", \"--cfg\", \"mine\"]\n";
        let folder = crate_with("[package]\n", Some(config));
        let settings = read(folder.path()).unwrap();
        assert_eq!(settings.missing(Target::Little).len(), 4);
        assert_eq!(settings.rustflags(Target::Big).len(), 3);
    }

    /// A crate `probe` in a directory with a config, and with one of its own.
    fn below(above: &str, own: &str) -> Settings {
        let folder = crate_with("", Some(above));
        let probe = folder.path().join("probe");
        fs::create_dir_all(probe.join(".cargo")).unwrap();
        fs::write(probe.join("Cargo.toml"), "[package]\n").unwrap();
        fs::write(probe.join(".cargo/config.toml"), own).unwrap();
        read(&probe).unwrap()
    }

    #[test]
    fn flags_of_configs_above_come_first() {
        let settings = below(
            "[target.bpfel-unknown-none]\nrustflags = [\"--cfg\", \"above\"]\n",
            "[target.bpfel-unknown-none]\nrustflags = \"--cfg own\"\n",
        );
        let flags = settings.rustflags(Target::Little).join(" ");
        assert_eq!(flags, "--cfg above --cfg own");
        assert_eq!(settings.rustflags(Target::Big), [""; 0]);
        // One for the host's sake does not keep the crate's own from counting.
        let own = "[build]\nrustflags = [\"-Cpanic=abort\"]\n";
        let settings = below("[build]\nrustflags = [\"-Ctarget-cpu=native\"]\n", own);
        assert_eq!(settings.rustflags(Target::Little), ["-Cpanic=abort"]);
        assert_eq!(settings.host_rustflags.len(), 1);
        let above = "[build]\ntarget = \"bpfel-unknown-none\"\nrustflags = \"--cfg above\"\n";
        let settings = below(above, own);
        let flags = settings.rustflags(Target::Little).join(" ");
        assert_eq!(flags, "--cfg above -Cpanic=abort");
        assert!(settings.host_rustflags.is_empty());
    }

    #[test]
    fn flags_under_a_cfg_count_if_bpf_fulfils_it() {
        let flags = |cfg: &str| {
            let config = format!(
                "[target.bpfel-unknown-none]\nrustflags = \"--cfg first\"\n\
                 [target.'cfg({cfg})']\nrustflags = \"--cfg mine\"\n"
            );
            let folder = crate_with("[package]\n", Some(&config));
            read(folder.path())
                .unwrap()
                .rustflags(Target::Little)
                .join(" ")
        };
        for cfg in [
            "target_arch = \"bpf\"",
            "not(unix)",
            "all(target_endian = \"little\", any(target_os = \"linux\", target_os = \"none\"))",
        ] {
            assert_eq!(flags(cfg), "--cfg first --cfg mine", "{cfg}");
        }
        for cfg in [
            "unix",
            "target_arch = \"x86_64\"",
            "target_endian = \"big\"",
        ] {
            assert_eq!(flags(cfg), "--cfg first", "{cfg}");
        }
    }

    #[test]
    fn only_a_known_warning_can_be_denied() {
        let manifest = "[package.metadata.ebpf]\ndeny = [\"leagcy-maps\"]\n";
        let error = read(crate_with(manifest, None).path()).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("use only codes of warnings: indirect-call, legacy-maps"),
            "{error}"
        );
    }

    #[test]
    fn a_native_crate_is_none() {
        let folder = crate_with("[package]\nname = \"x\"\n", Some("[alias]\n"));
        assert!(!read(folder.path()).unwrap().is_ebpf());
    }

    #[test]
    fn the_manifest_can_say_it_too() {
        let manifest = "[package.metadata.ebpf]\ndeny = [\"legacy-maps\"]\n\
            [profile.release]\nlto = true\n";
        let settings = read(crate_with(manifest, None).path()).unwrap();
        assert!(settings.is_ebpf() && settings.profile_lto);
        assert_eq!(settings.deny, ["legacy-maps"]);
    }

    #[test]
    fn programs_can_be_optional() {
        let manifest = "[package.metadata.ebpf]\noptional = [\"one\", \"other\"]\n";
        let settings = read(crate_with(manifest, None).path()).unwrap();
        assert_eq!(settings.optional, ["one", "other"]);
    }

    #[test]
    fn what_the_loader_sets_is_read() {
        let read = |tables: &str| {
            let manifest = format!("[package.metadata.ebpf]\n{tables}\n");
            read(crate_with(&manifest, None).path())
        };
        let settings =
            read("map-sizes = { A = 7 }\nset = { b = -1, c = true, d = \"0x2a\" }").unwrap();
        assert_eq!(settings.map_sizes["A"], 7);
        let values: Vec<_> = settings.values.values().map(String::as_str).collect();
        assert_eq!(values, ["-1", "true", "0x2a"]);
        for wrong in [
            "map-sizes = 3",
            "map-sizes = { A = -1 }",
            "map-sizes = { A = 4294967296 }",
            "set = [1]",
            "set = { a = 1.5 }",
        ] {
            let error = read(wrong).unwrap_err();
            assert_eq!(Code::of(&error), Some(Code::GivenInvalid), "{wrong}");
            assert_eq!(error.finding().place.as_ref().unwrap().line, Some(2));
        }
    }

    #[test]
    fn the_oldest_kernel_is_two_numbers_in_quotes() {
        let read = |value: &str| {
            let manifest = format!("[package.metadata.ebpf]\nmin-kernel = {value}\n");
            read(crate_with(&manifest, None).path())
        };
        assert_eq!(
            read("\"5.10\"").unwrap().min_kernel,
            Some(KernelVersion::new(5, 10))
        );
        for wrong in ["5.10", "\"new\"", "5", "[\"5.10\"]", "\"\""] {
            let error = read(wrong).unwrap_err();
            assert_eq!(Code::of(&error), Some(Code::MinKernelInvalid), "{wrong}");
            let place = error.finding().place.as_ref().unwrap();
            assert_eq!(place.line, Some(2), "{wrong}");
        }
    }

    #[test]
    fn broken_toml_is_named() {
        let error = read(crate_with("[package\n", None).path()).unwrap_err();
        assert_eq!(Code::of(&error), Some(Code::ConfigNotToml));
    }
}
