//! Turns a parsed object into the instructions of each program, ready to be loaded:
//! map references and calls resolved. aya-obj does this for whole objects and stops
//! at the first failure; here each function and program is done by itself, so that a
//! failure is that program's own.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use aya_obj::{Features, Function, Object, relocation::RelocationError};

use super::{maps::Maps, shield};

/// A program with all it calls, or why there is none.
pub(super) type Linked = Result<Function, String>;

/// Resolves everything, and takes the programs out of `object`. In the order in
/// which they stand in the object.
pub(super) fn programs(
    object: &mut Object,
    maps: &Maps,
    features: &Features,
    undefined: &Undefined,
) -> Vec<(Program, Linked)> {
    let sections: HashSet<usize> = object
        .functions
        .keys()
        .map(|(section, _)| *section)
        .collect();
    object.sanitize_functions(features);
    let mut failures = maps_of_functions(object, maps, &sections);
    take_out_undefined(object, undefined, &mut failures);

    let mut programs: Vec<_> = mem::take(&mut object.programs).into_iter().collect();
    programs.sort_by_key(|(_, program)| program.function_key());
    let mut linked = Vec::with_capacity(programs.len());
    for (name, program) in programs {
        let key = program.function_key();
        let function = match failures.get(&key) {
            Some(failure) => Err(failure.clone()),
            None => calls_of_program(object, &name, &program, &sections, &failures),
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

/// What instructions refer to that is not in the object: by section and offset.
type Undefined = HashMap<(usize, u64), String>;

type Key = (usize, u64);

/// Takes out the functions that refer to what is not in the object: aya-obj would have
/// them call themselves.
fn take_out_undefined(
    object: &mut Object,
    undefined: &Undefined,
    failures: &mut HashMap<Key, String>,
) {
    let first_of = |function: &Function| {
        let start = function.section_offset as u64;
        let end = start + size_of_val(function.instructions.as_slice()) as u64;
        let inside = undefined.iter().filter(|((section, offset), _)| {
            *section == function.section_index.0 && (start..end).contains(offset)
        });
        inside.min().map(|(_, name)| name)
    };
    object.functions.retain(|key, function| {
        let Some(name) = first_of(function) else {
            return true;
        };
        let failure = format!(
            "`{}` refers to `{name}`, which is not in the object: \
             a kernel function, a setting of the kernel (`__kconfig`) or a forgotten definition",
            function.name
        );
        failures.insert(*key, failure);
        false
    });
}

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
    failures: &HashMap<Key, String>,
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
        (Ok(Err(error)), _) => Err(failure_of_callee(&error, failures)
            .cloned()
            .unwrap_or_else(|| chain(&error))),
        (Err(panic), _) => Err(panic),
        (_, None) => Err("it has no code".to_owned()),
    }
}

/// Why the function was taken out that is missed now.
fn failure_of_callee<'failures>(
    error: &dyn std::error::Error,
    failures: &'failures HashMap<Key, String>,
) -> Option<&'failures String> {
    let RelocationError::UnknownFunction { address, .. } = error.source()?.downcast_ref()? else {
        return None;
    };
    let at_address = failures.iter().filter(|((_, start), _)| start == address);
    at_address.min().map(|(_, failure)| failure)
}

/// An error and its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
