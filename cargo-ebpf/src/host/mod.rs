//! The host: the only spawner of programs, and what the running kernel offers.

pub(crate) mod cargo;
pub(crate) mod environment;
pub(crate) mod executable;
pub(crate) mod exit;
pub(crate) mod invocation;
pub(crate) mod kernel;
pub(crate) mod process;
pub(crate) mod root;
pub(crate) mod shell;
pub(crate) mod thread;
