//! Parsers of untrusted bytes, for fuzzing. Not part of the API.

pub use crate::image::fuzzing::{file_of_package, release_of_image};
