//! What a skeleton contains.

use std::collections::HashMap;

use ebpf_base::Result;
use ebpf_object::{
    Name, Object, Style,
    variable::{self, Declared},
};

use super::{
    map,
    name::Scope,
    program::{self, Kind},
    types::Types,
};

/// A program, map or global variable.
#[derive(Debug)]
pub(super) struct Named<T> {
    /// As the object has it.
    pub(super) name: Name,
    /// As the loader has it.
    pub(super) identifier: String,
    pub(super) of: T,
}

/// A program.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) section: Name,
    /// `None` for a type that Aya does not have.
    pub(super) kind: Option<Kind>,
}

/// A global variable.
#[derive(Debug)]
pub(super) struct Global {
    pub(super) section: Name,
    /// The type of its value.
    pub(super) rust_type: String,
    /// The expression that makes one with `Pod` of a `value`.
    pub(super) plain: &'static str,
}

/// Everything in an object that a loader names.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) programs: Vec<Named<Program>>,
    /// Maps with their types.
    pub(super) maps: Vec<Named<String>>,
    pub(super) globals: Vec<Named<Global>>,
}

impl Model {
    /// Reads an object.
    ///
    /// # Errors
    /// When it is not a BPF object.
    pub(super) fn read(content: &[u8], types: &Types) -> Result<Self> {
        let object = Object::parse(content)?;
        let globals = variable::globals(content)?;
        let maps = object.maps.iter().filter(|map| map.style != Style::Data);
        let names = maps
            .map(|map| &map.name)
            .chain(globals.iter().map(|global| &global.name));
        let declared = variable::declared(content, names.map(Name::as_str));
        Ok(Self {
            programs: programs(&object),
            maps: maps_of(&object, &declared, types),
            globals: globals_of(globals, &declared, types),
        })
    }
}

/// Sorted, so that the same names result in the same identifiers whatever the order is.
fn sorted<T>(mut of: Vec<(Name, T)>, mut scope: Scope) -> Vec<Named<T>> {
    of.sort_by(|(one, _), (other, _)| one.cmp(other));
    of.dedup_by(|(one, _), (other, _)| one == other);
    of.into_iter()
        .map(|(name, of)| Named {
            identifier: scope.identifier(name.as_str()),
            name,
            of,
        })
        .collect()
}

fn programs(object: &Object) -> Vec<Named<Program>> {
    let programs = object.programs.iter().map(|program| {
        let section = program.function.section.clone();
        let kind = program::kind(section.as_str());
        (program.function.name.clone(), Program { section, kind })
    });
    // A method of the programs together.
    sorted(programs.collect(), Scope::with(&["ebpf"]))
}

fn maps_of(
    object: &Object,
    declared: &HashMap<String, Declared>,
    types: &Types,
) -> Vec<Named<String>> {
    let maps = object.maps.iter().filter_map(|map| {
        let declared = declared.get(map.name.as_str());
        Some((map.name.clone(), map::aya_type(map, declared, types)?))
    });
    sorted(maps.collect(), Scope::default())
}

fn globals_of(
    globals: Vec<variable::Global>,
    declared: &HashMap<String, Declared>,
    types: &Types,
) -> Vec<Named<Global>> {
    let globals = globals.into_iter().map(|global| {
        let declared = declared.get(global.name.as_str());
        let value = declared.map(|declared| &declared.value);
        let (rust_type, plain) = types.global(value, global.size);
        let section = global.section;
        (
            global.name,
            Global {
                section,
                rust_type,
                plain,
            },
        )
    });
    sorted(globals.collect(), Scope::default())
}
