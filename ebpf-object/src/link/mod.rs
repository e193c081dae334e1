//! Programs as they are loaded: aya-obj links an object, here with names that it knows
//! and guarded against its panics, and each instruction keeps its place in the object.
//! No kernel is asked.

pub mod calls;
pub mod compat;
pub mod origin;
pub mod panic_guard;
