//! What a crate promises with `[package.metadata.ebpf] min-kernel`, held against what its
//! object needs.

use std::path::Path;

use ebpf_base::untrusted;
use ebpf_build::{Error, Finding, KernelVersion, Result, Severity, settings};
use ebpf_object::requirements::Requirements;

use crate::{code::Code, object_file, project::EbpfCrate};

/// The code of what is wrong with an object that needs a newer kernel than it promises.
const ABOVE: Code = Code::AboveMinKernel;

/// Checks the object in `content`, which becomes `path`, against what its crate promises.
///
/// # Errors
/// When the object needs a newer kernel, or the promise cannot be read.
pub(crate) fn check(ebpf: &EbpfCrate, path: &Path, content: &[u8]) -> Result<()> {
    let settings = settings::read(&ebpf.dir)?;
    let Some(promised) = settings.min_kernel else {
        return Ok(());
    };
    let needs = Requirements::of(content, &settings.optional, None);
    let needs = object_file::at(path, needs)?;
    let finding = judge(&ebpf.name, promised, &needs, &here());
    match finding.severity {
        Severity::Error => Err(Error::from(finding)),
        Severity::Fine | Severity::Warning => Ok(()),
    }
}

/// What `doctor` says of a promise: held against `path` where that has been built.
pub(crate) fn finding(
    ebpf: &EbpfCrate,
    promised: KernelVersion,
    optional: &[String],
    path: &Path,
) -> Result<Finding> {
    let content = object_file::read(path)?;
    let needs = object_file::at(path, Requirements::of(&content, optional, None))?;
    Ok(judge(&ebpf.name, promised, &needs, &here()))
}

/// Only shortens what is shown: a folder that is gone shortens nothing.
fn here() -> std::path::PathBuf {
    std::env::current_dir().unwrap_or_default()
}

fn judge(name: &str, promised: KernelVersion, needs: &Requirements, here: &Path) -> Finding {
    if let Some(never) = needs.required().find(|found| found.impossible) {
        let message = format!("{name} cannot run on any kernel");
        return Finding::error(ABOVE, message)
            .because(never.reason(here))
            .fix(
                "do without this feature; if the program is too large, split it into several that \
                 call each other by tail calls",
            );
    }
    let above = || {
        needs
            .required()
            .filter(|one| one.binds() && one.floor().is_some_and(|floor| floor > promised))
    };
    let Some(first) = above().next() else {
        let words = match needs.release {
            Some(release) => format!("it needs Linux {release}"),
            None => "it runs on any release".to_owned(),
        };
        return Finding::fine(
            Code::MinKernel,
            format!("{name} meets min-kernel = \"{promised}\": {words}"),
        );
    };
    let release = needs.release.unwrap_or(promised);
    let causes: Vec<_> = above()
        .filter_map(|one| {
            Some(format!(
                "{}, which requires Linux {}",
                one.reason(here),
                one.floor()?
            ))
        })
        .collect();
    let message = format!("{name} has min-kernel = \"{promised}\", but needs Linux {release}");
    let mut finding = Finding::error(ABOVE, message)
        .because(causes.join("\n"))
        .fix(format!(
            "do without these features, or set min-kernel = \"{release}\" in [package.metadata.ebpf]"
        ));
    if let Some(place) = first.places.first() {
        finding = finding.at(&*untrusted::line(place.file.as_str()), Some(place.line));
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(promised: &str) -> Finding {
        judged_without(promised, &[])
    }

    fn judged_without(promised: &str, optional: &[&str]) -> Finding {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/objects");
        let object = std::fs::read(format!("{folder}/libbpf-el.o")).unwrap();
        let optional: Vec<_> = optional.iter().map(|name| (*name).to_owned()).collect();
        let needs = Requirements::of(&object, &optional, None).unwrap();
        judge("x-ebpf", promised.parse().unwrap(), &needs, Path::new("/"))
    }

    #[test]
    fn a_promise_that_holds_is_fine() {
        let finding = judged("6.8");
        assert_eq!(
            finding.message,
            "x-ebpf meets min-kernel = \"6.8\": it needs Linux 6.8"
        );
        assert!(judged("7.3").severity == Severity::Fine);
    }

    #[test]
    fn what_only_optional_programs_need_is_not_promised() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/objects");
        let object = std::fs::read(format!("{folder}/libbpf-el.o")).unwrap();
        let needs = Requirements::of(&object, &[], None).unwrap();
        let newer: Vec<_> = needs
            .programs
            .iter()
            .filter(|program| program.release > Some(KernelVersion::new(6, 1)))
            .map(|program| program.name.to_string())
            .collect();
        let newer: Vec<_> = newer.iter().map(String::as_str).collect();
        assert!(!newer.is_empty());
        assert_eq!(judged_without("6.1", &newer).severity, Severity::Fine);
        assert_eq!(judged_without("6.1", &newer[1..]).severity, Severity::Error);
    }

    #[test]
    fn one_that_does_not_names_every_line() {
        let finding = judged("6.1");
        assert_eq!(finding.code, "above-min-kernel");
        assert_eq!(
            finding.message,
            "x-ebpf has min-kernel = \"6.1\", but needs Linux 6.8"
        );
        let cause = finding.cause.unwrap();
        assert!(
            cause.contains("bpf_task_from_pid in xdp, which requires Linux 6.8"),
            "{cause}"
        );
        assert!(
            cause.contains("(signed division), which requires Linux 6.6"),
            "{cause}"
        );
        assert_eq!(finding.place.unwrap().line, Some(44));
        assert!(finding.fix.unwrap().contains("min-kernel = \"6.8\""));
    }
}
