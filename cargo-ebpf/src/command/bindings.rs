//! `bindings`: kernel types, declared for `ebpf-relocatable`.

use std::path::Path;

use ebpf_base::btf::Btf;
use ebpf_build::{Error, Result};
use ebpf_kernels::{KernelSpec, KernelTarget};
use ebpf_object::requirements;

use super::requirements::read_btf;
use crate::{
    bindings, cli, code::Code, context::Context, kernels, matrix::kernel_btf, outcome::Outcome,
    report::bindings::Bindings,
};

/// # Errors
/// When BTF cannot be read, a type or member is in none of the kernels, or cannot be declared.
pub(crate) fn run(request: &cli::Bindings, context: &Context) -> Result<Outcome> {
    let sources = match &request.btf {
        Some(path) => vec![of_file(path)?],
        None => of_kernels(&request.kernel, context)?,
    };
    let mut found = Vec::new();
    for Source { label, btf, .. } in &sources {
        let btf = Btf::parse(btf).map_err(|cause| requirements::btf_unreadable(&cause))?;
        found.push((label.clone(), bindings::declare(&btf, &request.types)?));
    }
    context.console.write(&Bindings {
        sources: sources.into_iter().map(|source| source.name).collect(),
        command: command(request),
        declarations: bindings::merge(&found)?,
    })?;
    Ok(Outcome::Fine)
}

/// The command line of a request, but for a file that only this machine may have.
fn command(request: &cli::Bindings) -> String {
    let mut words = vec!["cargo ebpf bindings".to_owned()];
    if !request.kernel.is_empty() {
        let kernels: Vec<String> = request.kernel.iter().map(ToString::to_string).collect();
        words.push(format!("--kernel {}", kernels.join(",")));
    }
    words.extend(request.types.iter().map(ToString::to_string));
    words.join(" ")
}

/// BTF.
struct Source {
    /// Where it is from: `Linux 6.1.0-49-amd64`, or a path.
    name: String,
    /// The kernel in short: `6.1`.
    label: String,
    btf: Vec<u8>,
}

fn of_file(path: &Path) -> Result<Source> {
    let name = path.display().to_string();
    Ok(Source {
        label: name.clone(),
        name,
        btf: read_btf(path)?,
    })
}

fn of_kernels(named: &[KernelSpec], context: &Context) -> Result<Vec<Source>> {
    let named = match named {
        [] => &[KernelSpec::Host],
        named => named,
    };
    let targets = kernels::to_run_on(named, &context.spawner, &context.console.progress())?;
    let replies = kernel_btf::read(&targets, &context.spawner)?;
    let sources = targets.iter().zip(replies).map(|(target, reply)| {
        for finding in &reply.findings {
            context.console.show(finding);
        }
        let (Some(release), Some(btf)) = (reply.release, reply.btf) else {
            return Err(without_btf(target));
        };
        let label = match target {
            KernelTarget::Host => release.clone(),
            KernelTarget::Image(_) => target.label().to_owned(),
        };
        Ok(Source {
            name: format!("Linux {release}"),
            label,
            btf,
        })
    });
    sources.collect()
}

fn without_btf(target: &KernelTarget) -> Error {
    let error = Error::new(
        Code::KernelBtfUnread,
        format!("no BTF was read from the kernel {}", target.label()),
    );
    error
        .because(
            "the kernel was built without CONFIG_DEBUG_INFO_BTF, or its guest failed (see the messages above)",
        )
        .fix("name another kernel, such as --kernel 6.12, or a file: --btf FILE")
}
