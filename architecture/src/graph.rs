//! Which file of a crate imports which, and where they do so in a circle.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    names::{Target, resolve},
    source::{Mention, MentionKind, Module, ModulePath},
};

/// An import of one file by another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    /// The file that imports.
    pub from: String,
    /// The line of it, from 1.
    pub line: usize,
    /// What the line names.
    pub name: String,
    /// The top-level module of the importing file; the crate's root has none.
    pub importer: String,
    /// What is imported.
    pub target: ImportTarget,
}

/// What a line imports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ImportTarget {
    /// Another file of the crate, with its top-level module.
    File {
        /// The file.
        file: String,
        /// Its top-level module; empty for the crate's root.
        module: String,
        /// Whether it is a module that the importing one is part of.
        of_parent: bool,
    },
    /// Another crate.
    Crate(String),
}

/// All imports between the files of a crate, and of other crates.
pub(crate) fn imports(modules: &BTreeMap<ModulePath, Module>) -> Vec<Import> {
    let mut imports = Vec::new();
    for (path, module) in modules {
        // Most words are written often; where the first one is, is enough.
        let mut seen = HashSet::new();
        for mention in &module.mentions {
            if seen.insert((&mention.path, mention.kind)) {
                imports.extend(import(modules, path, module, mention));
            }
        }
    }
    imports
}

fn import(
    modules: &BTreeMap<ModulePath, Module>,
    from: &[String],
    module: &Module,
    mention: &Mention,
) -> Option<Import> {
    let target = match resolve(modules, from, &mention.path)? {
        Target::Module(path) => {
            // A parent that passes on names of its children does not need them itself.
            if mention.kind == MentionKind::Export && path.starts_with(from) {
                return None;
            }
            let of_parent = from.starts_with(&path);
            let file = modules.get(&path)?.file.clone();
            if file == module.file {
                return None;
            }
            ImportTarget::File {
                file,
                module: top_level(&path),
                of_parent,
            }
        }
        Target::Outside(name) => ImportTarget::Crate(name),
    };
    Some(Import {
        from: module.file.clone(),
        line: mention.line,
        name: mention.path.join("::"),
        importer: top_level(from),
        target,
    })
}

fn top_level(module: &[String]) -> String {
    module.first().cloned().unwrap_or_default()
}

/// The groups of two or more nodes that reach each other.
pub(crate) fn circles<T: Ord + Clone>(edges: &BTreeSet<(T, T)>) -> Vec<BTreeSet<T>> {
    let mut next: BTreeMap<&T, Vec<&T>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().push(to);
    }
    let reached = |start: &T| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&T> = next.get(start).cloned().unwrap_or_default();
        while let Some(node) = open.pop() {
            if seen.insert(node.clone()) {
                open.extend(next.get(node).into_iter().flatten());
            }
        }
        seen
    };
    let reach: BTreeMap<&T, BTreeSet<T>> = next.keys().map(|&node| (node, reached(node))).collect();
    let mut circles = BTreeSet::new();
    for (&node, from_node) in &reach {
        let back = |other: &&T| reach.get(other).is_some_and(|seen| seen.contains(node));
        let circle: BTreeSet<T> = from_node.iter().filter(back).cloned().collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}
