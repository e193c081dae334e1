//! The project that was created.

use std::path::PathBuf;

use serde::Serialize;

use super::Report;

#[derive(Debug, Serialize)]
pub(crate) struct Created {
    pub(crate) project: PathBuf,
    /// Their types.
    pub(crate) programs: Vec<&'static str>,
}

impl Report for Created {
    fn human(&self) -> String {
        let project = self.project.display();
        let programs = self.programs.join(", ");
        format!("created {project}: {programs}\nnext: cd {project} && cargo ebpf run")
    }
}
