//! `doctor`: examine machine and project, item by item.

use ebpf_build::Result;

use crate::{context::Context, doctor, outcome::Outcome, report::doctor::Examined};

pub(crate) fn run(context: &Context) -> Result<Outcome> {
    let examined = Examined::new(doctor::examine(context.project(), &context.spawner));
    context.console.write(&examined)?;
    Ok(if examined.can_build {
        Outcome::Fine
    } else {
        Outcome::Found
    })
}
