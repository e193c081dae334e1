//! What an existing project lacks to embed the objects that this program builds and verifies.

use std::path::{Path, PathBuf};

use ebpf_build::{Error, Result};
use serde::Serialize;
use toml_edit::{DocumentMut, Item, Table, value};

use super::Libraries;
use crate::code::Code;

/// A project, as far as it matters here.
#[derive(Debug)]
pub(crate) struct Existing<'a> {
    /// The directory of the loader's package.
    pub(crate) loader: &'a Path,
    /// The loader's manifest.
    pub(crate) manifest: &'a str,
    /// Whether the loader has a build script.
    pub(crate) has_build_script: bool,
    /// The directories of the eBPF crates.
    pub(crate) ebpf_crates: &'a [PathBuf],
}

/// What is added to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Addition {
    pub(crate) file: PathBuf,
    /// Whether the file is new.
    pub(crate) new: bool,
    /// The lines that are added.
    pub(crate) lines: Vec<String>,
    /// The content of the file with them.
    #[serde(skip)]
    pub(crate) content: String,
}

/// What is missing, and what the user has to do.
#[derive(Debug, Default)]
pub(crate) struct Additions {
    pub(crate) additions: Vec<Addition>,
    pub(crate) notes: Vec<String>,
}

/// What `project` lacks. Nothing that it has is changed or removed.
///
/// # Errors
/// When its manifest is not valid.
pub(crate) fn missing(project: &Existing<'_>, libraries: &Libraries) -> Result<Additions> {
    let mut missing = Additions::default();
    let path = project.loader.join("Cargo.toml");
    let mut manifest: DocumentMut =
        project
            .manifest
            .parse()
            .map_err(|cause: toml_edit::TomlError| {
                Error::new(
                    Code::LoaderManifest,
                    format!("could not add ebpf-build to {}", path.display()),
                )
                .because(cause.to_string())
            })?;
    let build = |name: &str| {
        let dependencies = manifest.get("build-dependencies");
        dependencies.is_some_and(|dependencies| dependencies.get(name).is_some())
    };
    let script = script(project);
    if build("ebpf-build") {
        return Ok(missing);
    }
    if project.has_build_script {
        let already = match build("aya-build") {
            true => " that uses aya-build",
            false => "",
        };
        missing.notes.push(format!(
            "the package of {} already has a build script{already}, which was not changed. To embed \
             the objects that cargo ebpf builds and verifies, add ebpf-build to \
             [build-dependencies], and to the build script:\n{script}",
            path.display()
        ));
        return Ok(missing);
    }
    let dependencies = manifest
        .entry("build-dependencies")
        .or_insert(Item::Table(Table::new()));
    let Some(dependencies) = dependencies.as_table_like_mut() else {
        return Ok(missing);
    };
    dependencies.insert("ebpf-build", dependency("ebpf-build", libraries));
    let content = manifest.to_string();
    missing.additions.push(Addition {
        lines: added(project.manifest, &content),
        file: path,
        new: false,
        content,
    });
    missing.additions.push(Addition {
        file: project.loader.join("build.rs"),
        new: true,
        lines: script.lines().map(str::to_owned).collect(),
        content: script,
    });
    missing.notes.push(
        "in the loader, read each object with \
         aya::include_bytes_aligned!(concat!(env!(\"OUT_DIR\"), \"/NAME\"))"
            .to_owned(),
    );
    Ok(missing)
}

fn dependency(name: &str, libraries: &Libraries) -> Item {
    match libraries {
        Libraries::Published => value("0.1"),
        Libraries::Directory(directory) => {
            let mut table = toml_edit::InlineTable::new();
            table.insert("path", directory.join(name).display().to_string().into());
            value(table)
        }
    }
}

/// A build script that embeds all objects.
fn script(project: &Existing<'_>) -> String {
    let paths = project.ebpf_crates.iter();
    let mut calls: Vec<String> = paths
        .map(|path| {
            let path = relative(project.loader, path);
            format!("    ebpf_build::embed({:?})", path.display().to_string())
        })
        .collect();
    // All but the last one are statements.
    let last = calls.pop().unwrap_or_default();
    let calls: String = calls.iter().map(|call| format!("{call}?;\n")).collect();
    format!(
        "//! Builds and embeds the eBPF programs.\n\n\
         fn main() -> ebpf_build::Result<()> {{\n{calls}{last}\n}}\n"
    )
}

/// `path` as seen from `base`; both are absolute.
fn relative(base: &Path, path: &Path) -> PathBuf {
    let shared = base
        .components()
        .zip(path.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = base.components().skip(shared).map(|_| "..".into());
    let down = path
        .components()
        .skip(shared)
        .map(|part| PathBuf::from(part.as_os_str()));
    up.chain(down).collect()
}

/// The lines of `new` that `old` does not have. The edit only adds lines.
fn added(old: &str, new: &str) -> Vec<String> {
    let mut rest = old.lines().peekable();
    let added = new.lines().filter(|line| rest.next_if_eq(line).is_none());
    added.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str =
        "# mine\n[package]\nname = \"watch\"   # kept\n\n[dependencies]\naya = \"0.14\"\n";

    fn of(manifest: &str, has_build_script: bool, libraries: &Libraries) -> Additions {
        let existing = Existing {
            loader: Path::new("/p/watch"),
            manifest,
            has_build_script,
            ebpf_crates: &["/p/watch-ebpf".into(), "/p/watch/more/ebpf".into()],
        };
        missing(&existing, libraries).unwrap()
    }

    #[test]
    fn a_loader_without_a_build_gets_one() {
        let missing = of(MANIFEST, false, &Libraries::Published);
        let [manifest, script] = missing.additions.as_slice() else {
            panic!("{missing:#?}");
        };
        assert!(
            manifest.content.starts_with(MANIFEST),
            "{}",
            manifest.content
        );
        assert_eq!(
            manifest.lines,
            ["", "[build-dependencies]", "ebpf-build = \"0.1\""]
        );
        assert_eq!(script.file, Path::new("/p/watch/build.rs"));
        assert_eq!(
            script.lines[2..],
            [
                "fn main() -> ebpf_build::Result<()> {",
                "    ebpf_build::embed(\"../watch-ebpf\")?;",
                "    ebpf_build::embed(\"more/ebpf\")",
                "}",
            ]
        );
        let again = of(&manifest.content, true, &Libraries::Published);
        assert!(again.additions.is_empty() && again.notes.is_empty());
    }

    #[test]
    fn other_build_dependencies_stay() {
        let manifest =
            "[package]\nname = \"w\"\n\n[build-dependencies]\ncc = \"1\"\n\n[features]\nx = []\n";
        let missing = of(manifest, false, &Libraries::Directory("/lib".into()));
        let added = "ebpf-build = { path = \"/lib/ebpf-build\" }";
        assert_eq!(missing.additions[0].lines, [added]);
    }

    #[test]
    fn a_build_script_is_left_as_it_is() {
        let aya = "[package]\nname = \"w\"\n\n[build-dependencies]\naya-build = \"0.2\"\n";
        for (manifest, said) in [
            (aya, "that uses aya-build"),
            (MANIFEST, "has a build script, which"),
        ] {
            let missing = of(manifest, true, &Libraries::Published);
            assert!(missing.additions.is_empty());
            assert!(missing.notes[0].contains(said), "{:?}", missing.notes);
            assert!(missing.notes[0].contains("ebpf_build::embed(\"../watch-ebpf\")"));
        }
    }
}
