//! `explain --log`: what a verifier log means that somebody sends.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use ebpf_build::{Error, Result};
use ebpf_diagnosis::{diagnosis::Source, render::source::Sources, verifier_log::printed};

use crate::{code::Code, object_file, report::explain_log::ExplainedLog};

/// The most that is read of a log: as much as the largest log of a kernel.
const MAX_LEN: u64 = 64 << 20;

/// Diagnoses every verifier log in `file`, of programs of `object`.
///
/// # Errors
/// When a file cannot be read, or there is no verifier log in it.
pub(super) fn explain(file: &Path, object: Option<&Path>) -> Result<ExplainedLog> {
    let text = match file.to_str() {
        Some("-") => read(io::stdin().lock()),
        _ => File::open(file).and_then(read),
    }
    .map_err(|cause| Error::io("read", file, &cause))?;
    let data = object.map(object_file::read).transpose()?;
    let source = Source::of(data.as_deref().unwrap_or_default());
    let logs = printed::logs(&text);
    if logs.is_empty() {
        return Err(Error::new(
            Code::NoVerifierLog,
            format!("{} does not contain a verifier log", file.display()),
        )
        .because("the file contains neither instructions nor statistics of the verifier")
        .fix(
            "pass the output of the loader, or the file that `cargo ebpf verify` prints as the \
             full log",
        ));
    }
    Ok(ExplainedLog {
        rejections: logs.iter().map(|log| source.explain(log)).collect(),
        sources: object.map(Sources::around).unwrap_or_default(),
    })
}

fn read(input: impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    input.take(MAX_LEN).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
