//! Turns a parsed object into the instructions of each program, ready to be loaded:
//! map references and calls resolved. aya-obj does this for whole objects and stops
//! at the first failure; here each function and program is done by itself, so that a
//! failure is that program's own.

use std::{
    collections::{HashMap, HashSet},
    mem,
};

use aya_obj::{Features, Function, Object};
use ebpf_object::link::{
    calls::{Failures, Linked, calls_of_program, chain},
    panic_guard,
};

use super::maps::Maps;

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

/// Takes out the functions that refer to what is not in the object: aya-obj would have
/// them call themselves.
fn take_out_undefined(object: &mut Object, undefined: &Undefined, failures: &mut Failures) {
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
fn maps_of_functions(object: &mut Object, maps: &Maps, sections: &HashSet<usize>) -> Failures {
    let mut failures = HashMap::new();
    let mut done = Vec::new();
    for (key, function) in mem::take(&mut object.functions) {
        object.functions = [(key, function)].into();
        match panic_guard::step(|| object.relocate_maps(maps.descriptors(), sections)) {
            Ok(Ok(())) => done.extend(mem::take(&mut object.functions)),
            Ok(Err(error)) => drop(failures.insert(key, chain(&error))),
            Err(panic) => drop(failures.insert(key, panic)),
        }
    }
    object.functions = done.into_iter().collect();
    failures
}
