//! One file a command: glue between the request and the parts that do the work.

pub mod build;
pub mod clean;
pub mod doctor;
pub mod env;
pub mod inspect;
pub mod run;
pub mod setup;
pub mod test;
pub mod verify;
