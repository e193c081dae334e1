//! What the command line resolves to, once: everything that commands need beyond their
//! own arguments. Nothing below `command/` sees it, nor the types of `cli`.

use std::path::PathBuf;

use ebpf_build::Result;

use crate::{
    cli::Global,
    host::{process::Spawner, root},
    interrupt,
    project::Project,
    report::Console,
};

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    manifest: Option<PathBuf>,
    /// Starts programs.
    pub(crate) spawner: Spawner,
    /// Speaks to the user.
    pub(crate) console: Console,
}

impl Context {
    /// Resolves the options that every command takes.
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            manifest: global.manifest_path.clone(),
            spawner: Spawner::new(global.verbose, interrupt::check),
            console: Console::new(global.format.into()),
        }
    }

    /// The project of `--manifest-path`, else of the current directory.
    ///
    /// # Errors
    /// When there is none, or cargo cannot read it.
    pub(crate) fn project(&self) -> Result<Project> {
        let project = Project::find(self.manifest.as_deref(), &self.spawner)?;
        if let Some(note) = root::note_on_writing_to(&project.root) {
            self.console.note(&note);
        }
        Ok(project)
    }
}
