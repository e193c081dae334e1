//! How one eBPF crate says that it is built: its own `.cargo/config.toml`, and
//! `[package.metadata.ebpf]` in its manifest.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::cargo_platform::Platform;
use serde_json::{Map, Value};

use crate::{Code, Error, Finding, KernelVersion, Result, check::WARNING_CODES, target::Target};

/// A `-C` option that every build for BPF needs, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flag {
    /// The option's name.
    pub option: &'static str,
    /// The value that is passed where the crate says nothing.
    pub value: &'static str,
    /// Other spellings of the same.
    same: &'static [&'static str],
    /// What goes wrong without it.
    pub reason: &'static str,
}

impl Flag {
    /// As it stands on a command line: `panic=abort`.
    pub fn assignment(&self) -> String {
        format!("{}={}", self.option, self.value)
    }

    /// Whether an option with a value is this one, in whatever spelling.
    fn is(&self, (option, value): &(&str, &str)) -> bool {
        *option == self.option && (*value == self.value || self.same.contains(value))
    }
}

/// The options that every build for BPF needs.
pub const REQUIRED_RUSTFLAGS: [Flag; 5] = [
    Flag {
        option: "panic",
        value: "abort",
        same: &[],
        reason: "BPF cannot unwind",
    },
    Flag {
        option: "lto",
        value: "yes",
        same: &["fat", "true", "y", "on", ""],
        reason: "programs and core become one module, so that unused code is removed",
    },
    Flag {
        option: "codegen-units",
        value: "1",
        same: &[],
        reason: "one module for the linker",
    },
    Flag {
        option: "debuginfo",
        value: "2",
        same: &["full"],
        reason: "BTF is generated from it",
    },
    Flag {
        option: "link-arg",
        value: "--btf",
        same: &[],
        reason: "without it, bpf-linker generates no BTF",
    },
];

/// What a crate says of its build.
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

/// Whether flags ask for link-time optimisation.
pub fn has_lto(flags: &[String]) -> bool {
    let options = codegen_options(flags);
    options
        .iter()
        .any(|(option, value)| *option == "lto" && !matches!(*value, "no" | "off" | "n" | "false"))
}

/// `-C` options in all their spellings, as name and value.
fn codegen_options(flags: &[String]) -> Vec<(&str, &str)> {
    let mut options = Vec::new();
    let mut flags = flags.iter();
    while let Some(flag) = flags.next() {
        let option = if flag == "-C" || flag == "--codegen" {
            flags.next().map(String::as_str)
        } else {
            flag.strip_prefix("-C")
                .or_else(|| flag.strip_prefix("--codegen="))
        };
        if let Some(option) = option {
            options.push(option.split_once('=').unwrap_or((option, "")));
        }
    }
    options
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
                    "{} denies {unknown}, which is not a warning",
                    folder.join("Cargo.toml").display()
                ),
            )
            .fix(format!("deny one of: {}", WARNING_CODES.join(", "))));
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

/// The crates that programs for BPF are written with.
pub const AYA_CRATES: [&str; 2] = ["aya-ebpf", "aya-bpf"];

/// Whether a crate depends on aya-ebpf, under whatever name and for whatever target.
fn depends_on_aya(manifest: &Value) -> bool {
    let of_targets = manifest.get("target").and_then(Value::as_object);
    let of_targets = of_targets.into_iter().flat_map(|targets| targets.values());
    of_targets
        .chain([manifest])
        .filter_map(|table| table.get("dependencies")?.as_object())
        .flatten()
        .any(|(name, needed)| {
            let package = needed.get("package").and_then(Value::as_str);
            AYA_CRATES.contains(&package.unwrap_or(name))
        })
}

/// The names of a package's programs, as cargo finds them.
fn programs(manifest: &Value, folder: &Path) -> BTreeSet<String> {
    let name = |table: &Value| Some(table.get("name")?.as_str()?.to_owned());
    let listed = manifest.get("bin").and_then(Value::as_array);
    let mut names: BTreeSet<_> = listed.into_iter().flatten().filter_map(name).collect();
    if names.is_empty() && folder.join("src/main.rs").is_file() {
        names.extend(manifest.get("package").and_then(name));
    }
    let more = fs::read_dir(folder.join("src/bin")).into_iter().flatten();
    names.extend(more.flatten().filter_map(|entry| {
        let path = entry.path();
        let source =
            path.extension().is_some_and(|ending| ending == "rs") || path.join("main.rs").is_file();
        source.then(|| Some(path.file_stem()?.to_str()?.to_owned()))?
    }));
    names
}

/// Whether the source of a program has the attribute `no_main`.
fn is_freestanding(manifest: &Value, folder: &Path) -> bool {
    let listed = manifest.get("bin").and_then(Value::as_array);
    let listed = listed.into_iter().flatten();
    let paths = listed.filter_map(|bin| Some(folder.join(bin.get("path")?.as_str()?)));
    let more = fs::read_dir(folder.join("src/bin")).into_iter().flatten();
    let more = more.flatten().map(|entry| entry.path());
    paths
        .chain([folder.join("src/main.rs")])
        .chain(more.map(|path| match path.is_dir() {
            true => path.join("main.rs"),
            false => path,
        }))
        .filter_map(|source| ebpf_base::read_text(&source).ok())
        .any(|text| {
            let mut lines = text.lines().map(str::trim_start);
            lines.any(|line| line.starts_with("#![") && line.contains("no_main"))
        })
}

/// A table of names that the loader sets, `key` of `[package.metadata.ebpf]`.
fn table<T>(
    metadata: &Value,
    key: &str,
    folder: &Path,
    value: impl Fn(&Value) -> Option<T>,
) -> Result<BTreeMap<String, T>> {
    let manifest = folder.join("Cargo.toml");
    let invalid = |what: &str| {
        let message = format!("{}: {key} has {what}", manifest.display());
        Error::from(
            Finding::error(Code::GivenInvalid, message)
                .because(
                    "values of map-sizes are numbers of entries, values of set are integers \
                     or booleans",
                )
                .fix("write, for example: map-sizes = { EVENTS = 1024 } or set = { PID = 1 }")
                .at(&manifest, line_of(&manifest, key)),
        )
    };
    let entries = match metadata.get(key) {
        None => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) => entries,
        Some(other) => return Err(invalid(&format!("a TOML {}", type_name(other)))),
    };
    let entries = entries.iter().map(|(name, found)| {
        let value = value(found).ok_or_else(|| invalid(&format!("an invalid value for {name}")))?;
        Ok((name.clone(), value))
    });
    entries.collect()
}

fn min_kernel(metadata: &Value, folder: &Path) -> Result<Option<KernelVersion>> {
    let Some(value) = metadata.get("min-kernel") else {
        return Ok(None);
    };
    // A number in TOML would make 5.10 the same as 5.1.
    match value.as_str().map(str::parse) {
        Some(Ok(release)) => Ok(Some(release)),
        _ => {
            let manifest = folder.join("Cargo.toml");
            let written = match value.as_str() {
                Some(text) => format!("{text:?}"),
                None => format!("a TOML {}", type_name(value)),
            };
            let message = format!(
                "{}: min-kernel is {written}, which is not a kernel version",
                manifest.display()
            );
            Err(Finding::error(Code::MinKernelInvalid, message)
                .because("a kernel version is two numbers in quotes")
                .fix("write, for example: min-kernel = \"5.19\"")
                .at(&manifest, line_of(&manifest, "min-kernel"))
                .into())
        }
    }
}

/// The first line of a file that begins with `key`, counted from 1.
fn line_of(file: &Path, key: &str) -> Option<u32> {
    let text = ebpf_base::read_text(file).ok()?;
    let index = text
        .lines()
        .position(|line| line.trim_start().starts_with(key))?;
    u32::try_from(index + 1).ok()
}

fn parse(file: &Path) -> Result<Value> {
    let text = ebpf_base::read_text(file).map_err(|cause| Error::io("read", file, &cause))?;
    toml_edit::de::from_str::<Map<_, _>>(&text)
        .map(Value::Object)
        .map_err(|cause| {
            Error::new(
                Code::ConfigNotToml,
                format!("{} is not TOML", file.display()),
            )
            .because(cause.to_string().trim_end().to_owned())
            .fix("correct the line that the cause names")
        })
}

/// What TOML calls the type of a value.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if !number.is_f64() => "integer",
        // Also one without an end, which JSON lacks.
        Value::Number(_) | Value::Null => "float",
        Value::Array(_) => "array",
        Value::Object(entries) if entries.contains_key(DATETIME) => "datetime",
        Value::Object(_) => "table",
    }
}

/// The only key of what toml_edit makes of a date for types that lack one.
const DATETIME: &str = "$__toml_private_datetime";

fn at<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().try_fold(value, |value, key| value.get(key))
}

/// A list of words, in both ways in which cargo lets one write it.
fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(words)) => words.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(words)) => words
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
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
                .contains("deny one of: indirect-call, legacy-maps"),
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
