//! The code maps of ARCHITECTURE.md against the repository.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Files of a crate's `src/` that need no row of their own.
const ROOTS: [&str; 4] = ["lib.rs", "main.rs", "snapshots", "tests.rs"];

/// The directories of what builds and fuzzing make, which a fresh clone lacks.
const NOT_COMMITTED: [&str; 2] = ["target", "artifacts"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn document() -> String {
    fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap()
}

/// The text between the first two backticks.
fn code(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

/// The paths in the code maps by crate directory: a section is headed by the directory,
/// and a row of its table begins with a path inside of it.
fn code_maps() -> BTreeMap<String, Vec<String>> {
    let mut maps = BTreeMap::new();
    let mut rows: Option<&mut Vec<String>> = None;
    for line in document().lines() {
        if let Some(heading) = line.strip_prefix("### `") {
            let name = heading.split('`').next().unwrap().trim_end_matches('/');
            rows = Some(maps.entry(name.to_owned()).or_default());
        } else if line.starts_with('#') {
            rows = None;
        } else if let Some(rows) = &mut rows
            && line.starts_with("| `")
        {
            rows.push(code(line).unwrap().to_owned());
        }
    }
    maps
}

#[test]
fn every_path_in_a_code_map_exists() {
    let maps = code_maps();
    assert!(maps.len() >= 5, "{:?}", maps.keys());
    for (directory, paths) in &maps {
        assert!(!paths.is_empty(), "no row for {directory}");
        for path in paths {
            let full = repository().join(directory).join(path);
            assert!(
                full.exists(),
                "ARCHITECTURE.md: there is no {directory}/{path}"
            );
            assert_eq!(full.is_dir(), path.ends_with('/'), "{directory}/{path}");
        }
    }
}

#[test]
fn no_path_is_listed_twice() {
    for (directory, paths) in code_maps() {
        let unique: BTreeSet<_> = paths.iter().collect();
        let twice: Vec<_> = unique
            .into_iter()
            .filter(|path| paths.iter().filter(|other| other == path).count() > 1)
            .collect();
        assert!(twice.is_empty(), "{directory}: {twice:?}");
    }
}

#[test]
fn every_module_of_a_listed_crate_has_a_row() {
    for (directory, paths) in code_maps() {
        let source = repository().join(&directory).join("src");
        for entry in fs::read_dir(&source).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if ROOTS.contains(&name.as_str()) {
                continue;
            }
            // A module may have a file and a directory.
            let module = format!("src/{}", name.trim_end_matches(".rs"));
            let listed = paths.iter().any(|path| {
                let path = path.trim_end_matches('/').trim_end_matches(".rs");
                path == module || path.starts_with(&format!("{module}/"))
            });
            assert!(
                listed,
                "ARCHITECTURE.md has no row for {directory}/{module}"
            );
        }
    }
}

/// Paths in running text: those that begin with a directory of the repository.
#[test]
fn every_path_in_the_text_exists() {
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for path in prose(&text).split('`').skip(1).step_by(2) {
            let first = path.split('/').next().unwrap();
            let is_path = path.contains('/')
                && !path.contains(|c: char| c.is_whitespace() || "<>*{}$".contains(c))
                && repository().join(first).is_dir()
                && !first.is_empty()
                && !first.starts_with('.')
                && !path.split('/').any(|part| NOT_COMMITTED.contains(&part))
                && !path.contains("CODE");
            if is_path {
                checked += 1;
                assert!(
                    repository().join(path).exists(),
                    "{}: {path} does not exist",
                    document.display()
                );
            }
        }
    }
    assert!(checked > 30, "only {checked} paths were found");
}

/// The Markdown files whose links are checked.
fn documents() -> Vec<PathBuf> {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let mut found: Vec<_> = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ]
    .map(|name| repository().join(name))
    .into();
    collect(&repository().join("docs"), &mut found);
    found
}

/// The text without code blocks, in which `](` is no link.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The anchors of a document's headings, as code hosting sites make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings = headings.lines().filter_map(|line| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.trim().to_lowercase())
    });
    headings
        .map(|title| {
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in prose(&text).split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            checked += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                document.clone()
            } else {
                document.parent().unwrap().join(path)
            };
            let shown = document.display();
            assert!(target.exists(), "{shown}: there is no {link}");
            if !anchor.is_empty() {
                let headings = anchors(&fs::read_to_string(&target).unwrap());
                assert!(
                    headings.contains(anchor),
                    "{shown}: there is no heading {link}"
                );
            }
        }
    }
    assert!(checked > 100, "only {checked} links were found");
}
