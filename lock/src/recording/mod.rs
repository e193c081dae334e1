//! Recordings on disk: a file for each, which a recorder that is killed leaves readable.
//! docs/recording-format.md tells the format to other programs.

mod format;
mod reader;
mod writer;

pub(crate) use reader::Recording;
pub(crate) use writer::{Place, Writer};

#[cfg(test)]
mod tests;
