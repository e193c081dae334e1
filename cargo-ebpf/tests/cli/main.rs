//! The command as a user types it, in projects that are made for the test. What needs
//! a toolchain for BPF is tested elsewhere.

mod arguments;
mod clean;
mod doctor;
mod documents;
mod explain;
mod interrupt;
mod layout;
mod new;
mod output;
mod sandbox;
mod shapes;
mod tests_command;
