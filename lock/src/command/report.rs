//! `lock report`: a recording, shown.

use std::process::ExitCode;

use crate::{
    cli::report::Report,
    error::Result,
    output::Output,
    profile::snapshot::Snapshot,
    recording::Recording,
    view::{self, Options},
};

/// Reads a recording and reports it.
pub(crate) fn run(arguments: &Report) -> Result<ExitCode> {
    let output = Output::prepare(arguments.output.clone())?;
    let snapshot = Recording::open(&arguments.recording)?.merge();
    write(&snapshot, &(&arguments.options).into(), &output)?;
    Ok(exit_code(&snapshot))
}

/// The exit code of a report in which threads cannot go on.
const DEADLOCK: u8 = 3;

/// The exit code of what was recorded.
pub(crate) fn exit_code(snapshot: &Snapshot) -> ExitCode {
    match snapshot.deadlocks().is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(DEADLOCK),
    }
}

/// Writes the report of what was recorded.
pub(crate) fn write(snapshot: &Snapshot, options: &Options, output: &Output) -> Result<()> {
    let options = &Options {
        color: output.is_terminal(),
        ..options.clone()
    };
    let report = view::render(snapshot, options, output.columns())?;
    if options.format.is_binary() {
        output.write_binary(&report)
    } else {
        output.write(&report)
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, fs, path::Path};

    use clap::Parser as _;
    use serde_json::Value;

    use super::run;
    use crate::{
        cli::{Cli, Command},
        error::Result,
        profile::fixtures,
        recording::Destination,
    };

    fn report(recording: &Path, output: &Path, options: &[&str]) -> Result<()> {
        let arguments = [OsStr::new("lock"), "report".as_ref(), recording.as_os_str()]
            .into_iter()
            .chain(options.iter().map(OsStr::new))
            .chain(["--output".as_ref(), output.as_os_str()]);
        let Command::Report(arguments) = Cli::parse_from(arguments).command else {
            panic!("not a report");
        };
        run(&arguments).map(|_| ())
    }

    fn recording(directory: &Path) -> std::path::PathBuf {
        let path = directory.join("run.lock");
        let mut writer = Destination::prepare(&path).unwrap().create().unwrap();
        writer.interval(&fixtures::snapshot()).unwrap();
        writer.interval(&fixtures::snapshot()).unwrap();
        writer.end("duration").unwrap();
        path
    }

    #[test]
    fn a_recording_is_reported_in_every_format() {
        let directory = tempfile::tempdir().unwrap();
        let recording = recording(directory.path());
        let output = directory.path().join("report");
        for (format, begin) in [
            ("human", b"Waits for locks in ".as_slice()),
            ("json", b"{\n  \"schema\": 2,"),
            ("csv", b"by,label,type,"),
            ("folded", b"(not sampled);"),
            ("svg", b"<?xml "),
            ("pprof", b"\x1f\x8b"),
            ("chrome", b"{"),
        ] {
            report(&recording, &output, &["--format", format]).unwrap();
            let content = fs::read(&output).unwrap();
            let text = String::from_utf8_lossy(&content);
            assert!(content.starts_with(begin), "{format}: {text:.200}");
        }
    }

    #[test]
    fn a_recording_of_version_1_is_reported_as_when_it_was_made() {
        // Both were written by commit 49025d5.
        const RECORDING: &[u8] = include_bytes!("../recording/fixtures/v1.lockrec");
        const REPORT: &str = include_str!("../recording/fixtures/v1.report.json");
        let directory = tempfile::tempdir().unwrap();
        let recording = directory.path().join("v1.lockrec");
        fs::write(&recording, RECORDING).unwrap();
        let output = directory.path().join("report");
        report(&recording, &output, &["--format", "json"]).unwrap();
        // The one label that has another name since.
        let expected = REPORT.replace("(not sampled)", "(no stack sampled)");
        // What samples stand for is estimated in another way since.
        let without_estimates = |text: &str| {
            let mut document: Value = serde_json::from_str(text).unwrap();
            for site in document["sites"].as_array_mut().unwrap() {
                site.as_object_mut().unwrap().remove("waits");
            }
            // Added since.
            document.as_object_mut().unwrap().remove("deadlocks");
            for wait in document["open"].as_array_mut().unwrap() {
                let wait = wait.as_object_mut().unwrap();
                wait.retain(|key, _| !["at_least", "has_timeout", "holder"].contains(&&**key));
            }
            for events in ["/account/kernel", "/account/user"] {
                let events = document.pointer_mut(events).unwrap();
                events.as_object_mut().unwrap().remove("unmeasured");
            }
            document
        };
        assert_eq!(
            without_estimates(&fs::read_to_string(&output).unwrap()),
            without_estimates(&expected)
        );
    }

    #[test]
    fn intervals_are_added_up() {
        let directory = tempfile::tempdir().unwrap();
        let recording = recording(directory.path());
        let output = directory.path().join("report");
        report(&recording, &output, &["--by", "type", "--limit", "1"]).unwrap();
        let text = fs::read_to_string(&output).unwrap();
        assert!(text.starts_with("Waits for locks in 4.00 s"), "{text}");
        assert!(text.contains("604 ms   49 %    800"), "{text}");
    }

    #[test]
    fn a_file_that_is_no_recording_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "no recording").unwrap();
        let error = report(&file, &directory.path().join("report"), &[]).unwrap_err();
        assert_eq!(error.code(), "not-a-recording");
    }
}
