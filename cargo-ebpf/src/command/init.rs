//! `init`: adds what an existing project lacks, and shows it.

use ebpf_base::read_text;
use ebpf_build::{Error, Result, file::write_atomically};

use crate::{
    cli,
    context::Context,
    outcome::Outcome,
    report::init::Completed,
    template::{self, Existing, Libraries},
};

pub(crate) fn run(request: &cli::Init, context: &Context) -> Result<Outcome> {
    let project = context.project()?;
    let crates = project.ebpf_crates()?;
    let loader = project.loader(None, None)?;
    let path = loader.dir.join("Cargo.toml");
    let manifest = read_text(&path).map_err(|cause| Error::io("read", &path, &cause))?;
    let ebpf_crates: Vec<_> = crates.iter().map(|ebpf| ebpf.dir.clone()).collect();
    let existing = Existing {
        loader: &loader.dir,
        manifest: &manifest,
        has_build_script: loader.has_build_script,
        ebpf_crates: &ebpf_crates,
    };
    let missing = template::missing(&existing, &Libraries::own())?;
    if !request.dry_run {
        // The script first: without it, the dependency would only be unused.
        for addition in missing.additions.iter().rev() {
            write_atomically(&addition.file, addition.content.as_bytes())?;
        }
    }
    context.console.write(&Completed {
        dry_run: request.dry_run,
        added: missing.additions,
        notes: missing.notes,
    })?;
    Ok(Outcome::Fine)
}
