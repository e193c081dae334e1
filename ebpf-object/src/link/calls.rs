//! A program together with the functions that it calls, as one sequence of
//! instructions.

use std::collections::{HashMap, HashSet};

use aya_obj::{Function, Object, relocation::RelocationError};

use super::panic_guard;

/// A program with all it calls, or why there is none.
pub type Linked = Result<Function, String>;

/// A function: the index of its section, and its offset there in bytes.
pub type Key = (usize, u64);

/// Why functions were taken out of an object.
pub type Failures = HashMap<Key, String>;

/// Appends the functions that a program calls to it.
pub fn calls_of_program(
    object: &mut Object,
    name: &str,
    program: &aya_obj::Program,
    sections: &HashSet<usize>,
    failures: &Failures,
) -> Linked {
    object.programs = [(name.to_owned(), program.clone())].into();
    let key = program.function_key();
    let alone = object.functions.get(&key).cloned();
    let result = panic_guard::step(|| object.relocate_calls(sections));
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
    failures: &'failures Failures,
) -> Option<&'failures String> {
    let RelocationError::UnknownFunction { address, .. } = error.source()?.downcast_ref()? else {
        return None;
    };
    let at_address = failures.iter().filter(|((_, start), _)| start == address);
    at_address.min().map(|(_, failure)| failure)
}

/// An error and its causes on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
