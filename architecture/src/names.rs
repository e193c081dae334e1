//! What a path stands for: a module of the same crate, or another crate.

use std::collections::BTreeMap;

use crate::source::{Module, ModulePath};

/// What a path stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The module that it is, or that defines what it is.
    Module(ModulePath),
    /// A name that no module of the crate has: another crate's, a primitive type, a generic.
    Outside(String),
}

/// Re-exports of re-exports are followed so far; a longer chain is a circle of names.
const LONGEST_CHAIN: usize = 16;

/// What `path` stands for in the module `from`.
pub(crate) fn resolve(
    modules: &BTreeMap<ModulePath, Module>,
    from: &[String],
    path: &[String],
) -> Option<Target> {
    resolve_within(modules, from, path, LONGEST_CHAIN)
}

fn resolve_within(
    modules: &BTreeMap<ModulePath, Module>,
    from: &[String],
    path: &[String],
    left: usize,
) -> Option<Target> {
    let left = left.checked_sub(1)?;
    let (first, rest) = path.split_first()?;
    let mut base = from.to_vec();
    match first.as_str() {
        "crate" => descend(modules, Vec::new(), rest, left),
        "self" => descend(modules, base, rest, left),
        "super" => {
            base.pop()?;
            match rest.first() {
                Some(next) if next == "super" => resolve_within(modules, &base, rest, left),
                _ => descend(modules, base, rest, left),
            }
        }
        "Self" => None,
        _ => {
            let module = modules.get(from)?;
            let is_child = modules.contains_key(&child(from, first));
            // `use name;` of another crate refers to itself here.
            let is_itself = |imported: &[String]| imported == [first.clone()];
            if is_child || module.items.contains(first) {
                return descend(modules, base, path, left);
            }
            match module.imported.get(first) {
                Some(imported) if !is_itself(&imported.path) => {
                    let full = [&imported.path[..], rest].concat();
                    resolve_within(modules, from, &full, left)
                }
                _ => from_globs(modules, from, path, left)
                    .or_else(|| Some(Target::Outside(first.clone()))),
            }
        }
    }
}

/// Follows `path` from the module `base` on, as deep as there are modules.
fn descend(
    modules: &BTreeMap<ModulePath, Module>,
    base: ModulePath,
    path: &[String],
    left: usize,
) -> Option<Target> {
    let Some((first, rest)) = path.split_first() else {
        return Some(Target::Module(base));
    };
    let next = child(&base, first);
    if modules.contains_key(&next) {
        return descend(modules, next, rest, left);
    }
    let module = modules.get(&base)?;
    if module.items.contains(first) {
        return Some(Target::Module(base));
    }
    if let Some(imported) = module.imported.get(first) {
        let full = [&imported.path[..], rest].concat();
        return resolve_within(modules, &base, &full, left);
    }
    from_globs(modules, &base, path, left).or(Some(Target::Module(base)))
}

/// What `path` stands for by one of the module's `use other::*`.
fn from_globs(
    modules: &BTreeMap<ModulePath, Module>,
    from: &[String],
    path: &[String],
    left: usize,
) -> Option<Target> {
    let first = path.first()?;
    let globs = &modules.get(from)?.globs;
    globs.iter().find_map(|glob| {
        let Target::Module(module) = resolve_within(modules, from, glob, left)? else {
            return None;
        };
        let has = modules.contains_key(&child(&module, first))
            || modules[&module].items.contains(first)
            || modules[&module]
                .imported
                .get(first)
                .is_some_and(|name| name.exported);
        (has && module != from).then(|| descend(modules, module, path, left))?
    })
}

fn child(module: &[String], name: &str) -> ModulePath {
    [module, &[name.to_owned()]].concat()
}
