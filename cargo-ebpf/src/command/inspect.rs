//! `inspect`: read an object, show what is in it.

use std::{collections::HashMap, fs, io::Read as _, path::Path};

use ebpf_build::Result;
use ebpf_diagnosis::render::source::has_the_look_of_source;
use ebpf_object::{Object, disassembly};

use crate::{cli, context::Context, object_file, outcome::Outcome, report::inspect::Inspection};

/// # Errors
/// When the file is not a BPF object or cannot be read.
pub(crate) fn run(request: &cli::Inspect, context: &Context) -> Result<Outcome> {
    let path = &request.object;
    let bytes = object_file::read(path)?;
    let object = object_file::at(path, Object::parse(&bytes))?;
    let code = if request.disasm {
        Some(object_file::at(
            path,
            disassembly::listings(&bytes, &object),
        )?)
    } else {
        None
    };
    // Only shortens what is shown: a folder that is gone shortens nothing.
    let here = std::env::current_dir().unwrap_or_default();
    let mut sources = Sources::default();
    let inspection = Inspection::new(path, here, object, code, |file, line| {
        sources.line(file, line)
    });
    context.console.write(&inspection)?;
    Ok(Outcome::Fine)
}

/// The source files that debug information names, each read once.
#[derive(Default)]
struct Sources(HashMap<String, Vec<String>>);

/// Larger than any source file, in bytes.
const MAX_SOURCE_LEN: u64 = 4 << 20;

impl Sources {
    /// A line of a file, counted from 1, if it can be read.
    fn line(&mut self, file: &str, line: u32) -> Option<String> {
        let lines = self
            .0
            .entry(file.to_owned())
            .or_insert_with(|| read_lines(Path::new(file)).unwrap_or_default());
        lines.get((line as usize).checked_sub(1)?).cloned()
    }
}

/// The object chose the path: only a regular file of a source's name and size is read.
fn read_lines(path: &Path) -> Option<Vec<String>> {
    if !has_the_look_of_source(path) || !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    fs::File::open(path)
        .ok()?
        .take(MAX_SOURCE_LEN)
        .read_to_end(&mut text)
        .ok()?;
    Some(
        String::from_utf8_lossy(&text)
            .lines()
            .map(str::to_owned)
            .collect(),
    )
}
