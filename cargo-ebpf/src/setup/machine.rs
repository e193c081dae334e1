//! What setup asks of a machine and does to it, so that tests can make one up.

use std::time::Duration;

use ebpf_base::find_program;
use ebpf_build::{
    BuildTools, Error, Finding, Result, Severity,
    linker::{self, Linker},
    progress::Progress,
    toolchain::{self, Toolchain},
};

use ebpf_kernels::Architecture;

use crate::{
    host::{
        process::{Process, Spawner, failed},
        root::Root,
    },
    kernels::guest_agent,
};

/// A machine to be made ready.
pub(super) trait Machine {
    /// Whether a toolchain that can build for BPF is there; looks anew each time.
    fn has_toolchain(&mut self) -> Result<bool>;
    /// Why the compilers that are there do not fit, a line for each.
    fn shortcomings(&self) -> Vec<String>;
    /// Whether a linker is there that fits the toolchain.
    fn has_linker(&mut self) -> Result<bool>;
    /// Builds one.
    fn build_linker(&mut self) -> Result<()>;
    /// Whether there is a linker for programs for this architecture.
    fn has_native_linker(&mut self, architecture: Architecture) -> Result<bool>;
    /// Whether a program is on PATH.
    fn has(&self, program: &str) -> bool;
    /// The way to root's rights.
    fn root(&mut self) -> Result<Root>;
    /// Runs a command that changes the machine, announced.
    fn run(&mut self, command: &[String], limit: Option<Duration>) -> Result<()>;
    /// What a command prints that changes nothing.
    fn read(&mut self, command: &[String]) -> Result<String>;
    /// Tells the user what did not work, when something else is tried next.
    fn warn(&mut self, warning: &Finding);
}

/// The one we run on.
pub(super) struct ThisMachine<'a> {
    spawner: &'a Spawner,
    progress: &'a dyn Progress,
    toolchain: Option<Toolchain>,
    linker: Option<Linker>,
    shortcomings: Vec<String>,
}

impl<'a> ThisMachine<'a> {
    pub(super) fn new(spawner: &'a Spawner, progress: &'a dyn Progress) -> Self {
        Self {
            spawner,
            progress,
            toolchain: None,
            linker: None,
            shortcomings: Vec::new(),
        }
    }

    /// What setup has found or made.
    pub(super) fn tools(self) -> Result<BuildTools> {
        let toolchain = self.toolchain.map_or_else(Toolchain::find, Ok)?;
        let linker = self.linker.map_or_else(|| linker::find(&toolchain), Ok)?;
        Ok(BuildTools::new(toolchain, linker))
    }

    fn toolchain(&self) -> Result<Toolchain> {
        self.toolchain.clone().map_or_else(Toolchain::find, Ok)
    }

    fn process(&self, command: &[String]) -> Result<Process> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(Error::new(
                ebpf_build::Code::Spawn,
                "failed to spawn an empty command",
            ));
        };
        // apt's words are read, and read by people: both in English.
        Ok(self
            .spawner
            .program(program)
            .args(arguments)
            .env("LC_ALL", "C.UTF-8"))
    }
}

impl Machine for ThisMachine<'_> {
    fn has_toolchain(&mut self) -> Result<bool> {
        let search = toolchain::search()?;
        self.shortcomings = search
            .rejected
            .iter()
            .map(|finding| super::in_one_line(&finding.clone().into()))
            .collect();
        self.toolchain = search.chosen;
        Ok(self.toolchain.is_some())
    }

    fn shortcomings(&self) -> Vec<String> {
        self.shortcomings.clone()
    }

    fn has_linker(&mut self) -> Result<bool> {
        let search = linker::search(&self.toolchain()?)?;
        if search.chosen.is_none() {
            for rejected in search.rejected {
                // The next step mends it.
                let mut warning = rejected.severity(Severity::Warning);
                warning.fix = None;
                self.progress.warn(&warning);
            }
        }
        self.linker = search.chosen;
        Ok(self.linker.is_some())
    }

    fn build_linker(&mut self) -> Result<()> {
        self.linker = Some(linker::install(&self.toolchain()?, self.progress)?);
        Ok(())
    }

    fn has_native_linker(&mut self, architecture: Architecture) -> Result<bool> {
        // Nothing has to be built for it.
        if Architecture::HOST == Some(architecture) {
            return Ok(true);
        }
        Ok(guest_agent::find_linker(&self.toolchain()?, architecture).is_some())
    }

    fn has(&self, program: &str) -> bool {
        find_program(program).is_some()
    }

    fn root(&mut self) -> Result<Root> {
        Root::find(self.spawner)
    }

    fn run(&mut self, command: &[String], limit: Option<Duration>) -> Result<()> {
        let mut process = self.process(command)?.announced();
        if let Some(limit) = limit {
            process = process.time_limit(limit);
        }
        let line = process.line();
        let status = process.run()?;
        if status.success() {
            Ok(())
        } else {
            Err(failed(&line, status))
        }
    }

    fn read(&mut self, command: &[String]) -> Result<String> {
        self.process(command)?.stdout()
    }

    fn warn(&mut self, warning: &Finding) {
        self.progress.warn(warning);
    }
}
