//! Keeps a panic or a stack overflow in the parsing of hostile objects from ending
//! the process. aya-obj 0.3.0 trusts what an object says: it indexes by offsets that
//! stand in it, has `todo!()` for unusual relocations, and recurses once per call in
//! a chain of functions. All of that is reached through here only.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
    sync::Once,
    thread,
};

const THREAD: &str = "verifier";

/// Room for a chain of calls as long as [`super::elf::MAX_FUNCTIONS`] allows: 4 KiB
/// a link. Only what is touched takes memory.
const STACK: usize = super::elf::MAX_FUNCTIONS * 4096;

/// Runs `work` on a thread of its own, with a stack that hostile objects cannot
/// exhaust.
///
/// # Errors
/// The message of a panic, or why no thread could be started.
pub(super) fn run<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    silence();
    thread::scope(|scope| {
        thread::Builder::new()
            .name(THREAD.to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .map_err(|cause| format!("could not start a thread: {cause}"))?
            .join()
            .map_err(|panic| message(&*panic))
    })
}

/// Runs one step of the work in [`run`]; a panic ends that step only. What the step
/// was changing is to be thrown away then.
///
/// # Errors
/// The message of a panic.
pub(super) fn step<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| message(&*panic))
}

/// Panics of our thread become errors, so the usual message on stderr would be noise.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some(THREAD) {
                usual(info);
            }
        }));
    });
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(run(|| -> u8 { panic!("at {}", 7) }), Err("at 7".to_owned()));
        assert_eq!(
            run(|| step(|| -> u8 { panic!("no") })),
            Ok(Err("no".to_owned()))
        );
        assert_eq!(run(|| 7), Ok(7));
    }
}
