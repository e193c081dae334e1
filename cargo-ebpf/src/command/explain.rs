//! `explain`: what a class of rejections means, from the catalogue in the program, or
//! what a log means.

use std::path::Path;

use ebpf_base::untrusted;
use ebpf_build::{Error, Result, explanation};
use ebpf_diagnosis::diagnosis::catalogue::{self, Class};

use super::explain_log;
use crate::{
    cli::Explain,
    code::Code,
    context::Context,
    outcome::Outcome,
    report::explain::{Explained, Line, Meaning},
};

pub(crate) fn run(request: &Explain, context: &Context) -> Result<Outcome> {
    if let Some(log) = &request.log {
        let object = request.subject.as_deref().map(Path::new);
        context.console.write(&explain_log::explain(log, object)?)?;
        return Ok(Outcome::Fine);
    }
    let explained = match &request.subject {
        Some(code) if !request.list => {
            let page = catalogue::class(code).map(Explained::Page);
            let meaning = || meaning(code).map(Explained::Code);
            page.or_else(meaning).ok_or_else(|| unknown(code))?
        }
        _ => Explained::List {
            classes: catalogue::classes()
                .map(|&Class { code, title, .. }| Line { code, title })
                .collect(),
        },
    };
    context.console.write(&explained)?;
    Ok(Outcome::Fine)
}

fn meaning(text: &str) -> Option<Meaning> {
    let built = ebpf_build::Code::named(text);
    let own = Code::named(text).map(|code| (code.as_str(), code.meaning()));
    let build = || built.map(|code| (code.as_str(), code.meaning()));
    let kernels = || ebpf_kernels::Code::named(text).map(|code| (code.as_str(), code.meaning()));
    let object = || ebpf_object::Code::named(text).map(|code| (code.as_str(), code.meaning()));
    let (code, meaning) = own.or_else(build).or_else(kernels).or_else(object)?;
    let explanation = built.and_then(explanation);
    let because = explanation.as_ref().map(|known| known.because);
    let fixes = explanation.map_or_else(Vec::new, |known| known.fixes);
    Some(Meaning {
        code,
        meaning,
        because,
        fixes,
    })
}

fn unknown(code: &str) -> Error {
    let error = Error::new(
        Code::UnknownClass,
        format!(
            "unknown rejection class or code `{}`",
            untrusted::name(code)
        ),
    );
    match catalogue::nearest(code).as_slice() {
        [] => error.fix("cargo ebpf explain --list"),
        near @ [first, ..] => error
            .because(format!("similar codes: {}", near.join(", ")))
            .fix(format!("cargo ebpf explain {first}")),
    }
}
