//! `requirements`: the kernel that objects need, derived without running one.

use std::{io::ErrorKind, path::Path};

use ebpf_build::{Error, Result};
use ebpf_object::{Name, requirements};

use crate::{
    cli,
    command::build::{self, NamedObject},
    context::Context,
    object_file,
    outcome::Outcome,
    report::requirements::{ObjectNeeds, Requirements},
};

/// Larger than the BTF of any kernel, in bytes.
const MAX_BTF_LEN: u64 = 64 << 20;

/// # Errors
/// When an object or the BTF file cannot be read, or the project's own objects cannot be
/// built.
pub(crate) fn run(request: &cli::Requirements, context: &Context) -> Result<Outcome> {
    let btf = request.btf.as_deref().map(read_btf).transpose()?;
    let (objects, outcome) = match request.objects.as_slice() {
        [] => build::for_this_machine(
            &context.project()?,
            &cli::Selection::default(),
            context.console,
        )?,
        named => (named.iter().map(NamedObject::from).collect(), Outcome::Fine),
    };
    let objects = objects
        .iter()
        .map(|NamedObject { path, optional, .. }| {
            let bytes = object_file::read(path)?;
            let needs = requirements::Requirements::of(&bytes, optional, btf.as_deref());
            let needs = object_file::at(path, needs)?;
            Ok(ObjectNeeds::new(
                Name::from(path.to_string_lossy()),
                needs,
                &request.kernel,
            ))
        })
        .collect::<Result<_>>()?;
    // Only shortens what is shown: a folder that is gone shortens nothing.
    let here = std::env::current_dir().unwrap_or_default();
    context.console.write(&Requirements { objects, here })?;
    Ok(outcome)
}

/// The bytes of a BTF file.
///
/// # Errors
/// When it is not a regular file of a BTF's size.
pub(super) fn read_btf(path: &Path) -> Result<Vec<u8>> {
    ebpf_base::read_file(path, MAX_BTF_LEN).map_err(|cause| match cause.kind() {
        ErrorKind::InvalidInput | ErrorKind::IsADirectory => {
            requirements::btf_unreadable(&format!(
                "{} is not a regular file, or is larger than {} MiB",
                path.display(),
                MAX_BTF_LEN >> 20
            ))
        }
        _ => Error::io("read", path, &cause),
    })
}
