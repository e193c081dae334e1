//! The files of a project with given program types.
//!
//! Those in `template/` are the ones of a project that is called `project-name`. Where a file
//! lists program types, it has a mark that the list replaces.

use super::{
    File, Libraries, Name,
    programs::{Helper, ProgramType, Test},
};

/// Its path in the project, and its content.
type Source = (&'static str, &'static str);

/// Files that every project has. `NAME` in a path stands for the name of the project.
const SHARED: &[Source] = &[
    (
        ".github/workflows/ci.yml",
        include_str!("../../template/project/ci.yml"),
    ),
    (
        ".gitignore",
        include_str!("../../template/project/gitignore"),
    ),
    (
        "Cargo.lock",
        include_str!("../../template/project/lock.toml"),
    ),
    (
        "Cargo.toml",
        include_str!("../../template/project/manifest.toml"),
    ),
    (
        "README.md",
        include_str!("../../template/project/README.md"),
    ),
    (
        "NAME/Cargo.toml",
        include_str!("../../template/loader/manifest.toml"),
    ),
    (
        "NAME/build.rs",
        include_str!("../../template/loader/build.rs"),
    ),
    (
        "NAME/src/lib.rs",
        include_str!("../../template/loader/src/lib.rs"),
    ),
    (
        "NAME/src/main.rs",
        include_str!("../../template/loader/src/main.rs"),
    ),
    (
        "NAME/src/system.rs",
        include_str!("../../template/loader/src/system.rs"),
    ),
    (
        "NAME/tests/programs/main.rs",
        include_str!("../../template/loader/tests/main.rs"),
    ),
    (
        "NAME-ebpf/.cargo/config.toml",
        include_str!("../../template/ebpf/config.toml"),
    ),
    (
        "NAME-ebpf/Cargo.lock",
        include_str!("../../template/ebpf/lock.toml"),
    ),
    (
        "NAME-ebpf/Cargo.toml",
        include_str!("../../template/ebpf/manifest.toml"),
    ),
    (
        "NAME-ebpf/src/main.rs",
        include_str!("../../template/ebpf/src/main.rs"),
    ),
];

/// Has the kernel verify a program.
const VERIFY: &str = include_str!("../../template/loader/tests/verify.rs");
/// The packet of tests.
const PACKET: &str = include_str!("../../template/loader/tests/packet.rs");

/// The files of a project, in no particular order.
pub(crate) fn files(name: &Name, types: &[&ProgramType], libraries: &Libraries) -> Vec<File> {
    let mut helpers: Vec<Helper> = types
        .iter()
        .flat_map(|program| program.helpers)
        .copied()
        .collect();
    helpers.sort_unstable();
    helpers.dedup();
    let on_packets = types
        .iter()
        .any(|program| matches!(program.test, Test::RunOnPacket(_)));

    let mut sources: Vec<(String, String)> = Vec::new();
    for (path, content) in SHARED {
        let content = match *path {
            "NAME/Cargo.toml" => with_libraries(content, libraries),
            "README.md" => readme(content, types),
            "NAME/src/lib.rs" => {
                let all: Vec<&str> = types.iter().map(|program| program.name).collect();
                with_modules(
                    content,
                    "pub mod",
                    helpers
                        .iter()
                        .map(|helper| helper.name)
                        .chain(["system"])
                        .chain(all.iter().copied()),
                )
                .replace("&[];", &table(&all))
            }
            "NAME/tests/programs/main.rs" => {
                let packet = on_packets.then_some("packet");
                with_modules(
                    content,
                    "mod",
                    types.iter().map(|program| program.name).chain(packet),
                )
            }
            "NAME-ebpf/src/main.rs" => {
                with_modules(content, "mod", types.iter().map(|program| program.name))
            }
            _ => (*content).to_owned(),
        };
        sources.push(((*path).to_owned(), content));
    }
    for helper in helpers {
        sources.push((
            format!("NAME/src/{}.rs", helper.name),
            helper.content.to_owned(),
        ));
    }
    if on_packets {
        sources.push((
            "NAME/tests/programs/packet.rs".to_owned(),
            PACKET.to_owned(),
        ));
    }
    for program in types {
        let module = format!("{}.rs", program.name);
        sources.push((format!("NAME-ebpf/src/{module}"), program.ebpf.to_owned()));
        sources.push((format!("NAME/src/{module}"), program.loader.to_owned()));
        sources.push((format!("NAME/tests/programs/{module}"), test(program)));
    }
    let file = |(path, content): (String, String)| File {
        path: path.replace("NAME", &name.to_string()).into(),
        content: with_name(&path, &content, name),
    };
    sources.into_iter().map(file).collect()
}

fn with_name(path: &str, content: &str, name: &Name) -> String {
    let named = content
        .replace("project-name", &name.to_string())
        .replace("project_name", &name.identifier());
    if path.ends_with("Cargo.lock") {
        return sorted(&named);
    }
    named
}

/// A lock file with its packages in cargo's order, which the name of the project changes.
fn sorted(lock: &str) -> String {
    let (head, packages) = lock.split_once("[[package]]\n").unwrap_or((lock, ""));
    let mut packages: Vec<&str> = packages.split("[[package]]\n").map(str::trim_end).collect();
    packages.sort_unstable_by_key(|package| {
        let mut fields = package.lines().map(|line| line.split('"').nth(1));
        (fields.next(), fields.next())
    });
    let packages: Vec<String> = packages
        .iter()
        .map(|package| format!("[[package]]\n{package}\n"))
        .collect();
    format!("{head}{}", packages.join("\n"))
}

/// The list of modules in place of its mark, as rustfmt sorts it.
fn with_modules<'a>(content: &str, keyword: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    let lines: Vec<String> = names
        .iter()
        .map(|name| format!("{keyword} {name};"))
        .collect();
    content.replace("// modules", &lines.join("\n"))
}

/// The slice of programs, as rustfmt breaks it.
fn table(names: &[&str]) -> String {
    /// rustfmt's `array_width`.
    const WIDTH: usize = 60;
    let items: Vec<String> = names
        .iter()
        .map(|name| format!("{name}::PROGRAM"))
        .collect();
    let line = items.join(", ");
    if line.len() + "[]".len() <= WIDTH {
        return format!("&[{line}];");
    }
    format!("&[\n    {},\n];", items.join(",\n    "))
}

fn with_libraries(manifest: &str, libraries: &Libraries) -> String {
    let Libraries::Directory(directory) = libraries else {
        return manifest.to_owned();
    };
    let mut manifest = manifest.to_owned();
    for name in ["ebpf-build", "ebpf-test"] {
        let path = directory.join(name).display().to_string();
        let path = toml_edit::Value::from(path);
        manifest = manifest.replace(
            &format!("{name} = \"0.1\""),
            &format!("{name} = {{ path = {path} }}"),
        );
    }
    manifest
}

fn readme(content: &str, types: &[&ProgramType]) -> String {
    let lines: Vec<String> = types
        .iter()
        .map(|program| {
            let (major, minor) = program.since;
            let ProgramType { name, runs, .. } = program;
            format!("| `{name}` | {runs} | {major}.{minor} |")
        })
        .collect();
    let table = format!(
        "| eBPF program | runs | since Linux |\n|---|---|---|\n{}",
        lines.join("\n")
    );
    content.replace("<!-- programs -->", &table)
}

fn test(program: &ProgramType) -> String {
    match program.test {
        Test::Run(content) | Test::RunOnPacket(content) => content.to_owned(),
        Test::Verify => {
            let (major, minor) = program.since;
            VERIFY
                .replace("program_type", program.name)
                .replace("(0, 0)", &format!("({major}, {minor})"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, fs, path::Path};

    use super::*;
    use crate::template::PROGRAM_TYPES;

    fn project(name: &str, libraries: &Libraries) -> Vec<File> {
        let types: Vec<&ProgramType> = PROGRAM_TYPES.iter().collect();
        files(&Name::new(name).unwrap(), &types, libraries)
    }

    fn content<'a>(files: &'a [File], path: &str) -> &'a str {
        let file = files.iter().find(|file| file.path == Path::new(path));
        &file.unwrap_or_else(|| panic!("no file {path}")).content
    }

    #[test]
    fn nothing_of_the_template_is_left() {
        let files = project("my-watch", &Libraries::Published);
        let paths: HashSet<_> = files.iter().map(|file| &file.path).collect();
        assert_eq!(paths.len(), files.len());
        for File { path, content } in &files {
            for text in [
                "project-name",
                "project_name",
                "program_type",
                "// modules",
                "<!--",
            ] {
                assert!(!content.contains(text), "{text} in {}", path.display());
            }
            assert!(!path.display().to_string().contains("NAME"));
        }
        assert!(content(&files, "my-watch/src/main.rs").contains("use my_watch::"));
    }

    #[test]
    fn libraries_are_named_by_version_or_by_path() {
        let dependencies = |libraries| {
            let files = project("watch", &libraries);
            let manifest: toml::Table = content(&files, "watch/Cargo.toml").parse().unwrap();
            ["build-dependencies", "dev-dependencies"].map(|kind| manifest[kind].clone())
        };
        let [build, dev] = dependencies(Libraries::Published);
        let version = env!("CARGO_PKG_VERSION");
        for requirement in [&build["ebpf-build"], &dev["ebpf-test"]] {
            assert!(version.starts_with(requirement.as_str().unwrap()));
        }
        let [build, dev] = dependencies(Libraries::Directory("/a \"b\"".into()));
        let path = |name: &toml::Value| name["path"].as_str().unwrap().to_owned();
        assert_eq!(path(&build["ebpf-build"]), "/a \"b\"/ebpf-build");
        assert_eq!(path(&dev["ebpf-test"]), "/a \"b\"/ebpf-test");
    }

    /// This repository is known to build with these versions, and they are in cargo's cache
    /// where it was built.
    #[test]
    fn versions_are_those_of_this_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let files = project("zz", &Libraries::Published);
        for (path, own) in [
            ("Cargo.lock", "Cargo.lock"),
            ("zz-ebpf/Cargo.lock", "lock-ebpf/Cargo.lock"),
        ] {
            let known = packages(&fs::read_to_string(root.join(own)).unwrap());
            let used = packages(content(&files, path));
            let foreign: Vec<_> = used
                .difference(&known)
                .filter(|(name, _)| !name.starts_with("zz"))
                .collect();
            assert!(
                foreign.is_empty(),
                "{path}: {foreign:?}; run scripts/new-for-every-type --locks"
            );
            assert!(used.len() > 20, "{path}");
        }
    }

    fn packages(lock: &str) -> HashSet<(String, String)> {
        let lock: toml::Table = lock.parse().unwrap();
        let packages = lock["package"].as_array().unwrap().iter();
        let field = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
        packages
            .map(|package| (field(package, "name"), field(package, "version")))
            .collect()
    }

    #[test]
    fn packages_of_a_lock_file_are_sorted() {
        let lock = "# by cargo\n\n[[package]]\nname = \"b\"\nversion = \"1\"\n\n\
                    [[package]]\nname = \"a\"\nversion = \"1\"\n";
        let sorted = sorted(lock);
        assert!(sorted.starts_with("# by cargo\n\n[[package]]\nname = \"a\""));
        assert!(sorted.ends_with("\n\n[[package]]\nname = \"b\"\nversion = \"1\"\n"));
    }
}
