//! Programs as they are loaded: what libbpf and Aya make of an object before they give it
//! to a kernel. What depends on a kernel comes in as data, and no kernel is asked.

mod assemble;
mod code;
pub mod core;
mod externs;
mod given;
mod map;
pub mod operations;
pub mod origin;
pub mod types;
mod unit;

pub use self::{
    assemble::Assembled,
    code::{Function, LOAD_WIDE, Target},
    externs::{Extern, ExternKind, Setting},
    given::{Given, Value},
    map::{Contents, Map},
    unit::{Failure, Program, Unit},
};
pub use crate::map::Shape;
