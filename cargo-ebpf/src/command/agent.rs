//! `agent`: the other end of [`crate::agent`], in a process or a machine of its own.

use std::io;

use ebpf_build::{Error, Result};
use ebpf_kernels::guest;

use crate::{agent, cli, code::Code, context::Context, host::process::Spawner, outcome::Outcome};

/// # Errors
/// When the request cannot be read, or the answer cannot be written.
pub(crate) fn run(request: &cli::Agent, context: &Context) -> Result<Outcome> {
    if request.guest {
        guest::init(|request, reply| agent::serve(request, reply, &Spawner::default()));
    }
    agent::serve(&mut io::stdin().lock(), &mut io::stdout(), &context.spawner)
        .map(|()| Outcome::Fine)
        .map_err(|cause| {
            Error::new(Code::AgentFailed, "could not reply to the request")
                .because(cause.to_string())
        })
}
