//! Whether there is a compiler with its sources, and a linker that fits it.

use ebpf_build::{
    Finding, Severity,
    linker::{self, Linker, Origin},
    toolchain::{self, Toolchain},
};

use super::only_a_warning;

use crate::{
    code::Code,
    project::{Project, ToolsByPin},
};

/// The checks of this group, for the crates of `project`.
pub(super) fn check(project: Option<&Project>) -> Vec<Finding> {
    let search = match toolchain::search() {
        Ok(search) => search,
        Err(error) => return vec![error.finding().clone()],
    };
    let Some(chosen) = search.chosen else {
        let missing = Finding::error(
            ebpf_build::Code::ToolchainMissing,
            "no Rust compiler with matching standard library sources (rust-src) was found",
        );
        let mut findings = search.rejected;
        findings.push(missing.fix("cargo ebpf setup"));
        return findings;
    };
    let mut findings = vec![
        Finding::fine(Code::Toolchain, describe(&chosen)),
        Finding::fine(
            Code::Sources,
            format!(
                "standard library sources (rust-src) of the same version: {}",
                chosen.sources().display()
            ),
        ),
    ];
    findings.extend(search.rejected.into_iter().map(passed_over));
    findings.extend(linkers(&chosen));
    let crates = project.into_iter().flat_map(|project| &project.ebpf_crates);
    let mut tools = ToolsByPin::default();
    // Without tools, a finding above has the reason.
    findings.extend(crates.filter_map(|ebpf| tools.of(ebpf).ok()?.1));
    findings
}

fn describe(toolchain: &Toolchain) -> String {
    let how = if toolchain.bootstrap {
        ", with RUSTC_BOOTSTRAP=1"
    } else {
        ""
    };
    format!(
        "rustc {} with LLVM {}: {}{how}",
        toolchain.release,
        toolchain.llvm,
        toolchain.rustc.display()
    )
}

/// With another one chosen, it is no fault that this compiler does not fit.
fn passed_over(unfit: Finding) -> Finding {
    let mut finding = unfit.severity(Severity::Fine);
    finding.message = format!("not used: {}", finding.message);
    finding.fix = None;
    finding
}

fn linkers(toolchain: &Toolchain) -> Vec<Finding> {
    let search = match linker::search(toolchain) {
        Ok(search) => search,
        Err(error) => return vec![error.finding().clone()],
    };
    match search.chosen {
        Some(linker) => {
            // The one on PATH is what a build by hand would take.
            let rejected = search.rejected.into_iter().map(only_a_warning);
            std::iter::once(proven(&linker)).chain(rejected).collect()
        }
        None => {
            let missing = Finding::error(
                ebpf_build::Code::LinkerMissing,
                format!("no bpf-linker for LLVM {} was found", toolchain.llvm),
            );
            let mut findings = search.rejected;
            findings.push(missing.fix("cargo ebpf setup"));
            findings
        }
    }
}

fn proven(linker: &Linker) -> Finding {
    let origin = match linker.origin {
        Origin::Path => "on PATH",
        Origin::Cache => "built by setup",
    };
    Finding::fine(
        Code::Linker,
        format!(
            "bpf-linker works: it linked a test object with BTF ({}, {origin})",
            linker.path.display()
        ),
    )
}
