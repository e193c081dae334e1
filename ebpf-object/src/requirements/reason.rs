//! What a program does that has a requirement, in words.

use std::path::Path;

use ebpf_base::untrusted;

use super::{Kind, Requirement};
use crate::{declaration::Place, lines::short_path};

impl Requirement {
    /// What has it, and by doing what: `src/main.rs:31 attaches to contention_begin`. Paths
    /// under `here` are shown relative to it.
    pub fn reason(&self, here: &Path) -> String {
        let name = &self.name;
        let place = self.places.first().map(|place| source_line(place, here));
        let what = match self.kind {
            Kind::ProgramType if place.is_some() => format!("defines a program of type {name}"),
            Kind::ProgramType => format!("is a program of type {name}"),
            Kind::AttachType if place.is_some() => format!("attaches a program as {name}"),
            Kind::AttachType => format!("is attached as {name}"),
            Kind::Tracepoint | Kind::Function | Kind::LsmHook => format!("attaches to {name}"),
            Kind::SystemCall => format!("attaches to the system call {name}"),
            Kind::Iterator => format!("iterates over {name}"),
            Kind::StructOps => format!("implements {name}"),
            Kind::MapType => format!("uses a map of type {name}"),
            Kind::MapFlag => format!("uses a map with the flag {name}"),
            Kind::Helper | Kind::Kfunc => format!("calls {name}"),
            Kind::Feature => format!("uses {name}"),
            Kind::Btf => format!("uses the BTF kind {name}"),
        };
        let program = || Some(self.programs.first()?.demangled().to_string());
        match place.or_else(program) {
            Some(who) => format!("{who} {what}"),
            None => format!("it {what}"),
        }
    }
}

/// A source line: `src/main.rs:31`.
pub fn source_line(place: &Place, here: &Path) -> String {
    let file = untrusted::line(short_path(place.file.as_str(), here));
    format!("{file}:{}", place.line)
}
