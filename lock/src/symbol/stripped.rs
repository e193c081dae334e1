//! Locking code without names: programs of distributions are stripped, and name only the
//! functions that they export. What is around it tells.

use crate::{
    profile::snapshot::Frame,
    symbol::{class_names, class_table},
};

/// How many functions without a name may come between two that have one.
const MOST: usize = 3;

/// Nameless frames that are locking code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hidden {
    /// How many.
    pub(super) frames: usize,
    /// The lock's name, if they tell it.
    pub(super) name: Option<&'static str>,
}

/// The locking code that `frames` begin with, if it is such. `inner` is the function that it
/// called: of the C library, or locking code, too.
pub(super) fn hidden(inner: Option<&str>, frames: &[Frame]) -> Option<Hidden> {
    let module = file(frames.first()?);
    let nameless = frames
        .iter()
        .take(MOST.saturating_add(1))
        .take_while(|frame| frame.function.is_none() && file(frame) == module)
        .count();
    if nameless > MOST {
        return None;
    }
    let outer = frames.get(nameless)?;
    let function = outer.function.as_deref()?;
    if file(outer) != module {
        return None;
    }
    let known = class_names::find(function).and_then(|known| known.name);
    // These call nothing of a program's own: whatever is within them is theirs.
    if known.is_some_and(|name| class_table::is_interpreters(name) || name == class_table::LWLOCK) {
        return Some(Hidden {
            frames: nameless,
            name: None,
        });
    }
    let inner = inner?;
    // Ruby's functions that take the GVL have no exported name. These call them, and wait for
    // nothing else by a condition variable; a Mutex of the language waits by one as well.
    if module.starts_with("libruby") && (inner.contains("cond_")) {
        const TAKE_GVL: &[&str] = &[
            "rb_threadptr_execute_interrupts",
            "rb_nogvl",
            "rb_thread_call_without_gvl",
            "rb_thread_call_with_gvl",
            "rb_thread_io_blocking_region",
            "rb_thread_schedule",
        ];
        let name = match known {
            Some(name) => Some(name),
            None if TAKE_GVL.contains(&function) => Some(class_table::GVL),
            None => return None,
        };
        return Some(Hidden {
            frames: nameless,
            name,
        });
    }
    if !is_python(module) {
        return None;
    }
    // The interpreter's loop gives the GIL away and takes it again by take_gil and drop_gil,
    // which have no exported name. Of its own functions only these use a condition variable:
    // a lock of the language is a semaphore.
    let is_gil = ["cond_timedwait", "cond_clockwait", "cond_signal"]
        .iter()
        .any(|part| inner.contains(part));
    if is_gil && function == "_PyEval_EvalFrameDefault" {
        return Some(Hidden {
            frames: nameless,
            name: Some(class_table::GIL),
        });
    }
    // Between a lock of the language and the call of its method.
    let is_lock = inner.starts_with("PyThread_acquire_lock") || inner.contains("sem_post");
    is_lock.then_some(Hidden {
        frames: nameless,
        name: None,
    })
}

/// The file of a frame's module, without the build id that stands behind it where there is
/// no name.
fn file(frame: &Frame) -> &str {
    let module = frame.module.as_str();
    module
        .split_once(" (build id")
        .map_or(module, |(file, _)| file)
}

/// Whether a module is `CPython`, or a library of it.
fn is_python(module: &str) -> bool {
    module.starts_with("python") || module.starts_with("libpython")
}
