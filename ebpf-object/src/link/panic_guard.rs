//! Keeps a panic or a stack overflow in the parsing of hostile objects from ending
//! the process. aya-obj 0.3.0 trusts what an object says: it indexes by offsets that
//! stand in it, has `todo!()` for unusual relocations, and recurses once per call in
//! a chain of functions. All of that is reached through here only.

use std::{
    any::Any,
    io,
    panic::{self, AssertUnwindSafe},
    sync::Once,
    thread,
};

const THREAD: &str = "verifier";

/// Room for a chain of calls as long as [`super::compat::MAX_FUNCTIONS`] allows: 4 KiB
/// a link. Only what is touched takes memory.
const STACK: usize = super::compat::MAX_FUNCTIONS * 4096;

/// Why work did not come to its end.
#[derive(Debug)]
pub enum Failure {
    /// It panicked with this message: the object is to blame.
    Panic(String),
    /// There was no thread to be had, which the object has nothing to do with.
    NoThread(io::Error),
}

/// Runs `work` on a thread of its own, with a stack that hostile objects cannot
/// exhaust.
///
/// # Errors
/// When it panics, or no thread could be started.
pub fn run<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    silence();
    thread::scope(|scope| {
        thread::Builder::new()
            .name(THREAD.to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .map_err(Failure::NoThread)?
            .join()
            .map_err(|panic| Failure::Panic(message(&*panic)))
    })
}

/// Runs one step of the work in [`run`]; a panic ends that step only. What the step
/// was changing is to be thrown away then.
///
/// # Errors
/// The message of a panic.
pub fn step<T>(work: impl FnOnce() -> T) -> Result<T, String> {
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
        let panicked = run(|| -> u8 { panic!("at {}", 7) });
        assert!(matches!(panicked, Err(Failure::Panic(message)) if message == "at 7"));
        let stepped = run(|| step(|| -> u8 { panic!("no") }));
        assert_eq!(stepped.ok(), Some(Err("no".to_owned())));
        assert_eq!(run(|| 7).ok(), Some(7));
    }
}
