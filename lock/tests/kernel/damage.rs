//! Recordings that are not what `lock record` wrote: a sentence, and never a crash.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use test_support::{
    Failed, Outcome, Test,
    machine::{CAPABILITIES, KERNEL_BTF, TOOLCHAIN},
    tests,
};

use crate::{
    expect::{expect, expect_code, expect_stderr},
    process::{LOCK, lock},
};

/// On any machine.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    a_newer_recording_says_what_reads_it,
    what_is_no_recording_is_said,
    a_truncated_or_forged_recording_is_read_as_far_as_it_goes:
        [CAPABILITIES, KERNEL_BTF, TOOLCHAIN],
    a_bomb_is_rejected
];

/// Reports a file, in bounded time.
fn report(file: &Path, format: &str) -> Result<Output, Failed> {
    let began = Instant::now();
    let output = lock(&["report", "--format", format])
        .arg(file)
        .stderr(Stdio::piped())
        .output()?;
    expect(began.elapsed() < Duration::from_secs(60), || {
        format!("it took {:?}", began.elapsed())
    })?;
    Ok(output)
}

fn member(line: &[u8]) -> Result<Vec<u8>, Failed> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(line)?;
    Ok(encoder.finish()?)
}

fn a_newer_recording_says_what_reads_it() -> Outcome {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("run.lock");
    let header = b"{\"lock-recording\":99,\"lock\":\"9.8.7\x1b[2J\"}\n";
    // JSON has no bare control characters: a forged one has them escaped.
    let header = String::from_utf8_lossy(header).replace('\x1b', "\\u001b");
    fs::write(&file, member(header.as_bytes())?)?;
    let output = report(&file, "human")?;
    expect_code(&output, 1)?;
    expect_stderr(&output, "error[recording-newer]: ")?;
    expect_stderr(&output, "9.8.7")?;
    expect(!output.stderr.contains(&0x1b), || {
        "the header steers the terminal".to_owned()
    })?;
    Ok(())
}

fn what_is_no_recording_is_said() -> Outcome {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("file");
    for content in [
        Vec::new(),
        b"by,label\n".to_vec(),
        vec![0; 100_000],
        member(b"{\"schema\": 2}\n")?,
        member(b"")?,
    ] {
        fs::write(&file, &content)?;
        let output = report(&file, "human")?;
        expect_code(&output, 1)?;
        expect_stderr(&output, "error[not-a-recording]: ")?;
    }
    for (place, error) in [
        (directory.path().join("none"), "error[not-found]: "),
        (directory.path().to_owned(), "error[is-a-directory]: "),
        ("/dev/null".into(), "error[not-a-recording]: "),
    ] {
        let output = report(&place, "human")?;
        expect_code(&output, 1)?;
        expect_stderr(&output, error)?;
    }
    Ok(())
}

fn a_truncated_or_forged_recording_is_read_as_far_as_it_goes() -> Outcome {
    let directory = tempfile::tempdir()?;
    let whole = directory.path().join("whole.lock");
    let output = lock(&["record", "--exact", "-o"])
        .arg(&whole)
        .args(["--", LOCK, "workload", "holder", "--duration", "1.3"])
        .output()?;
    expect_code(&output, 0)?;
    let whole = fs::read(&whole)?;
    let file = directory.path().join("run.lock");
    let last = whole.len().saturating_sub(1);
    for length in [10, 40, 100, last / 2, last - 30, last] {
        fs::write(&file, whole.get(..length).ok_or("too short")?)?;
        let output = report(&file, "human")?;
        if output.status.code() == Some(0) {
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            expect(told.contains("the recording is cut off after "), || told)?;
        } else {
            // Not even the header is there.
            expect_code(&output, 1)?;
            expect_stderr(&output, "error[not-a-recording]: ")?;
        }
    }
    // A byte is another one: gzip's checksum tells. A forged line has a right checksum.
    let mut random = fastrand::Rng::with_seed(4);
    for turn in 0..24 {
        let mut forged = whole.clone();
        let place = random.usize(..forged.len());
        if let Some(byte) = forged.get_mut(place) {
            *byte ^= 1 << random.u32(..8);
        }
        fs::write(&file, &forged)?;
        let format = ["human", "json", "svg", "pprof"][turn % 4];
        let output = report(&file, format)?;
        expect_said(&output)?;
    }
    for line in [
        "{\"interval\":{\"duration_ns\":18446744073709551615}}",
        "{\"interval\":{\"sites\":[{\"lock\":4000000000,\"stack\":7,\"thread\":9}]}}",
        "{\"interval\":{\"locks\":[]},\"end\":{\"intervals\":-1}}",
        "{\"what\":\"nobody knows\"}",
        "[[[[[[[[[[",
    ] {
        let forged = [whole.clone(), member(line.as_bytes())?].concat();
        fs::write(&file, forged)?;
        expect_code(&report(&file, "json")?, 0)?;
        let header = b"{\"lock-recording\":1}\n";
        fs::write(&file, [member(header)?, member(line.as_bytes())?].concat())?;
        expect_said(&report(&file, "human")?)?;
    }
    Ok(())
}

/// A report, or an error in words.
fn expect_said(output: &Output) -> Result<(), Failed> {
    if output.status.code() == Some(0) {
        return expect(!output.stdout.is_empty(), || format!("{output:?}"));
    }
    expect_code(output, 1)?;
    expect_stderr(output, "error[")
}

fn a_bomb_is_rejected() -> Outcome {
    // 200 MiB in 200 KiB: one line that does not end.
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("run.lock");
    let header = member(b"{\"lock-recording\":1}\n")?;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(b"{\"interval\":{\"notes\":[\"")?;
    let part = vec![b'x'; 1 << 20];
    for _ in 0..200 {
        bomb.write_all(&part)?;
    }
    fs::write(&file, [header, bomb.finish()?].concat())?;
    let output = report(&file, "human")?;
    expect_code(&output, 0)?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    expect(
        told.contains("the recording is cut off after 0.0 s"),
        || told,
    )?;
    Ok(())
}
