//! Turns a parsed object into the instructions of each program, ready to be loaded:
//! map references and calls resolved. aya-obj does this for whole objects and stops
//! at the first failure; here each function and program is done by itself, so that a
//! failure is that program's own.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use aya_obj::{Features, Function, Object};

use super::{maps::Maps, shield};

/// A program with all it calls, or why there is none.
pub(super) type Linked = Result<Function, String>;

/// Resolves everything, and takes the programs out of `object`. In the order in
/// which they stand in the object.
pub(super) fn programs(
    object: &mut Object,
    maps: &Maps,
    features: &Features,
) -> Vec<(Program, Linked)> {
    let sections: HashSet<usize> = object
        .functions
        .keys()
        .map(|(section, _)| *section)
        .collect();
    object.sanitize_functions(features);
    let failures = maps_of_functions(object, maps, &sections);

    let mut programs: Vec<_> = mem::take(&mut object.programs).into_iter().collect();
    programs.sort_by_key(|(_, program)| program.function_key());
    let mut linked = Vec::with_capacity(programs.len());
    for (name, program) in programs {
        let key = program.function_key();
        let function = match failures.get(&key) {
            Some(failure) => Err(failure.clone()),
            None => calls_of_program(object, &name, &program, &sections),
        };
        linked.push((
            Program {
                name,
                section_index: program.section_index,
                program,
            },
            function,
        ));
    }
    linked
}

/// A program as the object has it.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) section_index: usize,
    pub(super) program: aya_obj::Program,
}

type Key = (usize, u64);

/// Puts the maps' descriptors into each function. Functions for which that fails are
/// taken out, and the reasons returned.
fn maps_of_functions(
    object: &mut Object,
    maps: &Maps,
    sections: &HashSet<usize>,
) -> HashMap<Key, String> {
    let mut failures = HashMap::new();
    let mut done = Vec::new();
    for (key, function) in mem::take(&mut object.functions) {
        object.functions = [(key, function)].into();
        match shield::step(|| object.relocate_maps(maps.descriptors(), sections)) {
            Ok(Ok(())) => done.extend(mem::take(&mut object.functions)),
            Ok(Err(error)) => drop(failures.insert(key, chain(&error))),
            Err(panic) => drop(failures.insert(key, panic)),
        }
    }
    object.functions = done.into_iter().collect();
    failures
}

/// Appends the functions that a program calls to it.
pub(super) fn calls_of_program(
    object: &mut Object,
    name: &str,
    program: &aya_obj::Program,
    sections: &HashSet<usize>,
) -> Linked {
    object.programs = [(name.to_owned(), program.clone())].into();
    let key = program.function_key();
    let alone = object.functions.get(&key).cloned();
    let result = shield::step(|| object.relocate_calls(sections));
    object.programs.clear();
    match (result, alone) {
        (Ok(Ok(())), Some(alone)) => {
            // Back to what it was: another program may call this one.
            object
                .functions
                .insert(key, alone)
                .ok_or_else(|| "it has no code".to_owned())
        }
        (Ok(Err(error)), _) => Err(chain(&error)),
        (Err(panic), _) => Err(panic),
        (_, None) => Err("it has no code".to_owned()),
    }
}

/// An error and its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
