//! Compares the imports of the crates with the rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::{
    graph::{Import, ImportTarget, circles, imports},
    rules::{CrateRules, Rules},
    source::{Files, modules},
};

/// What came of a check.
#[derive(Debug, Default)]
pub struct Check {
    /// The broken rules, each with its file and line.
    pub broken: Vec<String>,
    /// How many imports were compared.
    pub imports: usize,
}

/// Checks all crates that the rules name.
pub fn check(files: &dyn Files, rules: &Rules) -> Check {
    let mut result = Check::default();
    for (directory, of_crate) in &rules.crates {
        let root = ["lib.rs", "main.rs"]
            .map(|name| Path::new(directory).join("src").join(name))
            .into_iter()
            .find(|root| files.read(root).is_some());
        let Some(root) = root else {
            let text = format!("{directory}: has neither src/lib.rs nor src/main.rs");
            result.broken.push(text);
            continue;
        };
        match modules(files, &root) {
            Ok(modules) => {
                let imports = imports(&modules);
                result.imports += imports.len();
                let tops = modules.keys().filter_map(|path| path.first()).collect();
                result.broken.extend(unlisted(directory, of_crate, &tops));
                let pairs = pairs(&imports);
                let broken = broken(&pairs, of_crate).into_iter();
                result
                    .broken
                    .extend(broken.map(|(pair, why)| pair.report(&why)));
            }
            Err(error) => result.broken.push(error),
        }
    }
    result
}

/// Modules without a place in the order, and places without a module.
fn unlisted(directory: &str, rules: &CrateRules, modules: &BTreeSet<&String>) -> Vec<String> {
    let ordered: BTreeSet<&String> = rules.order.iter().collect();
    if ordered.is_empty() {
        return Vec::new();
    }
    let missing = modules.difference(&ordered).map(|module| {
        format!("{directory}: the module `{module}` has no place in the order of modules.toml")
    });
    let gone = ordered.difference(modules).map(|module| {
        format!("{directory}: modules.toml names the module `{module}`, which does not exist")
    });
    missing.chain(gone).collect()
}

/// The imports of one file, or of another crate, by a file.
#[derive(Debug, Clone)]
struct Pair<'a> {
    from: &'a str,
    /// The file or the crate.
    to: &'a str,
    /// The first line with one.
    line: usize,
    /// What that line names.
    name: &'a str,
    /// The top-level module of the importing file.
    importer: &'a str,
    /// That of the imported file, none where it is another crate.
    imported: Option<&'a str>,
    /// Whether the imported file is that of a parent module.
    of_parent: bool,
}

impl Pair<'_> {
    fn report(&self, why: &str) -> String {
        let Self {
            from,
            line,
            name,
            to,
            ..
        } = self;
        format!("{from}:{line}: {name}\n    imports {to}: {why}")
    }
}

fn pairs(imports: &[Import]) -> Vec<Pair<'_>> {
    let mut pairs: BTreeMap<(&str, &str), Pair<'_>> = BTreeMap::new();
    for import in imports {
        let (to, imported, of_parent) = match &import.target {
            ImportTarget::File {
                file,
                module,
                of_parent,
            } => (file, Some(module.as_str()), *of_parent),
            ImportTarget::Crate(name) => (name, None, false),
        };
        let this = Pair {
            from: &import.from,
            to,
            line: import.line,
            name: &import.name,
            importer: &import.importer,
            imported,
            of_parent,
        };
        let pair = pairs
            .entry((this.from, this.to))
            .or_insert_with(|| this.clone());
        if this.line < pair.line {
            *pair = this;
        }
    }
    pairs.into_values().collect()
}

/// The pairs that break a rule, and why each does.
fn broken<'a, 'b>(pairs: &'b [Pair<'a>], rules: &CrateRules) -> Vec<(&'b Pair<'a>, String)> {
    // What is out of order is reported as such, and closes no circle besides.
    let in_order = |pair: &&Pair<'_>| {
        pair.imported
            .is_some_and(|imported| out_of_order(pair.importer, imported, rules).is_none())
    };
    let inside = || pairs.iter().filter(in_order);
    let files = circles(
        &inside()
            .filter(|pair| !pair.of_parent)
            .map(|pair| (pair.from, pair.to))
            .collect(),
    );
    let modules = circles(
        &inside()
            .filter_map(|pair| Some((pair.importer, pair.imported?)))
            .filter(|(from, to)| !from.is_empty() && !to.is_empty() && from != to)
            .collect(),
    );
    let why = |pair: &Pair<'_>| {
        let Some(imported) = pair.imported else {
            return misplaced_crate(pair, rules);
        };
        let of_files = || {
            let circle = circle_of(&files, pair.from, pair.to)?;
            (!pair.of_parent).then(|| format!("a circle of files: {circle}"))
        };
        let of_modules = || {
            let circle = circle_of(&modules, pair.importer, imported)?;
            (pair.importer != imported).then(|| format!("a circle of modules: {circle}"))
        };
        out_of_order(pair.importer, imported, rules)
            .or_else(of_files)
            .or_else(of_modules)
    };
    pairs
        .iter()
        .filter_map(|pair| Some((pair, why(pair)?)))
        .collect()
}

/// The names of the circle that both are in.
fn circle_of(circles: &[BTreeSet<&str>], one: &str, other: &str) -> Option<String> {
    let circle = circles
        .iter()
        .find(|circle| circle.contains(one) && circle.contains(other))?;
    Some(circle.iter().copied().collect::<Vec<_>>().join(", "))
}

/// An import of a module that comes later.
fn out_of_order(importer: &str, imported: &str, rules: &CrateRules) -> Option<String> {
    // The root comes last: it names all.
    let rank = |module: &str| match module {
        "" => Some(rules.order.len()),
        _ => rules.order.iter().position(|name| name == module),
    };
    let later = !rules.order.is_empty() && rank(imported)? > rank(importer)?;
    let imported = match imported {
        "" => "the crate's root".to_owned(),
        module => format!("`{module}`"),
    };
    later.then(|| format!("`{importer}` comes before {imported}, so it must not import it"))
}

/// The name of a crate that is confined to other modules.
fn misplaced_crate(pair: &Pair<'_>, rules: &CrateRules) -> Option<String> {
    let modules = rules.confined.get(pair.to)?;
    let may = pair.importer.is_empty() || modules.contains(pair.importer);
    (!may).then(|| {
        format!(
            "the crate `{}` is not for the module `{}`",
            pair.to, pair.importer
        )
    })
}
