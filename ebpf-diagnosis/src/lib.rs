#![doc = include_str!("../README.md")]

pub mod diagnosis;
pub mod render;
pub mod verifier_log;

use std::io;

use ebpf_object::{self as object, link};

use crate::verifier_log::printed::Printed;
pub use crate::{
    diagnosis::{Diagnosis, Rejection, Source},
    render::source::Sources,
};

/// Why a kernel rejected the program called `program` of the object in `data`: from the
/// error that the load ended with and the verifier's log, such as those in
/// `aya::programs::ProgramError::LoadError`.
///
/// Never fails: where less is known, the diagnosis contains less.
pub fn of_load_error(data: &[u8], program: &str, error: &io::Error, log: &str) -> Diagnosis {
    Source::of(data).explain(&Printed {
        program: Some(program.to_owned()),
        error: error.raw_os_error(),
        log: log.to_owned(),
    })
}

/// The text of a diagnosis for a terminal, with source lines from `sources` where the
/// files exist.
pub fn text(diagnosis: &Diagnosis, sources: &Sources) -> String {
    render::human(diagnosis, sources)
}
