#![doc = include_str!("../README.md")]
#![no_std]

mod bits;
mod declared;
#[doc(hidden)]
pub mod expansion;
mod helper;
mod hop;
mod macros;
mod value;

pub use ebpf_relocatable_macros::btf_relocatable;

pub use crate::{
    bits::{Bits, Integer},
    declared::{Enumeration, Enumerator, Member, Path, Record, Relocatable},
    hop::Hop,
    value::{Plain, Value, WRONG_SIZE},
};
