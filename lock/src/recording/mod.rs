//! Recordings on disk: a file for each, which a recorder that is killed leaves readable.
//! docs/recording-format.md documents the format for other programs.

mod format;
mod reader;
pub(crate) mod v1;
mod writer;

pub(crate) use reader::Recording;
pub(crate) use writer::{Destination, Writer};

#[cfg(test)]
mod tests;
