//! Asking a kernel that may die of it: the question goes to another process, or into a
//! guest, and the answer comes back piece by piece, each with a checksum. Both ends are
//! this program, and every kernel is asked by the same code.

/// The command line of this program as an agent.
pub(crate) const COMMAND: &str = "agent";
/// That of the first process in a guest.
pub(crate) const GUEST_ARGUMENTS: [&str; 2] = [COMMAND, "--guest"];

mod follow;
mod frame;
mod protocol;
mod serve;

pub(crate) use follow::{Deadline, Ended, Limits, follow};
pub(crate) use frame::write as write_frame;
pub(crate) use protocol::{Answer, Object, Request};
pub(crate) use serve::serve;
