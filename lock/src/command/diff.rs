//! `lock diff`: two recordings compared.

use std::{path::Path, process::ExitCode};

use crate::{
    cli::diff::{Diff, Format},
    error::Result,
    output::Output,
    profile::{
        diff::{Series, diff},
        group::Filter,
    },
    recording::Recording,
    view::diff as view,
};

/// Compares, then tells. The exit code is 1 only if that was asked for.
pub(crate) fn run(arguments: Diff) -> Result<ExitCode> {
    let output = Output::prepare(arguments.output.clone())?;
    let mut notes = Vec::new();
    let before = read(&arguments.before, &arguments, &mut notes)?;
    let after = read(&arguments.after, &arguments, &mut notes)?;
    let mut diff = diff(&before, &after);
    diff.notes.extend(notes);
    let name = |path: &Path| path.display().to_string();
    let names = [name(&arguments.before), name(&arguments.after)];
    let text = match arguments.format {
        Format::Human => view::table(&diff, &names, output.columns(), output.is_terminal()),
        Format::Json => view::json(&diff, &names)?,
        Format::Csv => view::csv(&diff),
    };
    output.write(&text)?;
    let worse = |percent| diff.is_worse_by(percent);
    Ok(ExitCode::from(u8::from(
        arguments.fail_on_worse.is_some_and(worse),
    )))
}

/// Reads a recording interval by interval.
fn read(path: &Path, arguments: &Diff, notes: &mut Vec<String>) -> Result<Series> {
    let filter = Filter {
        stack: arguments.stack.clone(),
        include_idle: arguments.idle,
        ..Filter::default()
    };
    let mut series = Series::new(arguments.by, filter);
    let mut recording = Recording::open(path)?;
    for interval in &mut recording {
        series.add(&interval);
    }
    let said = recording.notes();
    notes.extend(said.map(|note| format!("{}: {note}", path.display())));
    Ok(series)
}

#[cfg(test)]
mod tests {
    use std::{
        ffi::{OsStr, OsString},
        fs,
        path::Path,
        process::ExitCode,
    };

    use clap::Parser as _;

    use crate::{
        cli::{Cli, Command},
        error::Result,
        profile::fixtures,
        recording::Destination,
    };

    /// A recording in which everything takes so many times as long, in percent.
    fn write(path: &Path, percent: u64) {
        let mut writer = Destination::prepare(path).unwrap().create().unwrap();
        for interval in 0..10 {
            let mut snapshot = fixtures::exact();
            // Seconds differ by a few percent.
            let longer = |ns: &mut u64| *ns = *ns / 100 * (percent + interval % 3);
            for site in &mut snapshot.sites {
                longer(&mut site.waits.wait_ns);
            }
            for lock in &mut snapshot.locks {
                longer(&mut lock.waits.total_ns);
            }
            writer.interval(&snapshot).unwrap();
        }
        writer.end("the duration is over").unwrap();
    }

    fn lock_diff(arguments: &[&OsStr]) -> Result<ExitCode> {
        let words = ["lock", "diff"].map(OsStr::new);
        let Command::Diff(diff) = Cli::parse_from(words.iter().chain(arguments)).command else {
            panic!("another command");
        };
        super::run(diff)
    }

    #[test]
    fn files_are_compared_and_the_exit_code_is_as_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (before, after, report) = (path("before"), path("after"), path("report"));
        write(&before, 100);
        write(&after, 140);
        let mut output = OsString::from("--output=");
        output.push(&report);
        let run = |options: &[&str], before: &Path, after: &Path| {
            let mut arguments = vec![before.as_os_str(), after.as_os_str(), &output];
            arguments.extend(options.iter().map(OsStr::new));
            let code = lock_diff(&arguments).unwrap();
            let text = fs::read_to_string(&report).unwrap();
            let of = |code: ExitCode| format!("{code:?}");
            (of(code) == of(ExitCode::SUCCESS), text)
        };
        let (fine, text) = run(&[], &before, &after);
        assert!(fine && text.contains("\n worse "), "{text}");
        assert!(!text.contains("no clear change"), "{text}");
        assert!(run(&["--fail-on-worse=60"], &before, &after).0);
        assert!(!run(&["--fail-on-worse=20"], &before, &after).0);
        assert!(!run(&["--fail-on-worse"], &before, &after).0);
        assert!(run(&["--fail-on-worse"], &after, &before).0);
        // A killed recorder leaves no end: it is compared nevertheless, and a note reports it.
        let content = fs::read(&after).unwrap();
        fs::write(&after, &content[..content.len() - 1]).unwrap();
        let (_, text) = run(&["--format=json"], &before, &after);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["rows"][0]["verdict"], "worse");
        let note = json["notes"][0].as_str().unwrap();
        assert!(note.contains("after: the recording is cut off"), "{note}");
        let lines = run(&["--format=csv", "--by=type"], &before, &before).1;
        assert!(lines.lines().count() > 2, "{lines}");
        fs::write(&after, "no").unwrap();
        let error = lock_diff(&[before.as_os_str(), after.as_os_str()]).unwrap_err();
        assert_eq!(error.code(), "not-a-recording");
    }
}
