use std::{
    fs,
    io::{self, Cursor, Write},
    path::{Path, PathBuf},
};

use super::{
    Destination, Recording, Writer,
    format::{self, End, MAX_LINE},
    v1,
    writer::Target,
};
use crate::{
    clock,
    error::{Error, Result},
    profile::{
        lock_type::LockType,
        merge::tests::busy_interval,
        snapshot::{Estimate, Frame, Identity, Process, Snapshot, Stack, Waits},
        snapshot_builder::SnapshotBuilder,
    },
};

/// An interval of a second with one wait.
fn interval(ns: u64) -> Snapshot {
    let mut builder = SnapshotBuilder::default();
    let frame = builder.frame(&Frame {
        function: Some("pipe_write".to_owned()),
        ..Frame::default()
    });
    let stack = builder.stack(Stack {
        kernel: vec![frame],
        ..Stack::default()
    });
    let process = builder.process(&Process {
        pid: 7,
        ..Process::default()
    });
    let thread = builder.thread(7, "worker", process);
    let lock = builder.lock(
        Identity::Kernel { address: u64::MAX },
        LockType::Kernel(32),
        "",
        None,
    );
    let mut waits = Waits {
        count: 1,
        total_ns: ns,
        ..Waits::default()
    };
    waits.histogram.record(ns, 1);
    builder.add_waits(lock, &waits);
    builder.add_site(lock, stack, thread, None, &Estimate::of(ns, 3));
    builder.snapshot_mut().duration_ns = 1_000_000_000;
    builder.finish()
}

/// A target in memory with a limit, in bytes.
#[derive(Debug)]
struct Disk<'a> {
    content: &'a mut Vec<u8>,
    size: usize,
}

impl Write for Disk<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.size - self.content.len();
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let length = bytes.len().min(room);
        self.content.extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Target for Disk<'_> {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.content.truncate(length as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A whole recording of three intervals.
fn three() -> Vec<u8> {
    let mut content = Vec::new();
    let disk = Disk {
        content: &mut content,
        size: usize::MAX,
    };
    let mut writer = Writer::begin(disk, PathBuf::new()).unwrap();
    for ns in 1..=3 {
        writer.interval(&interval(ns)).unwrap();
    }
    writer.end("the duration is over").unwrap();
    content
}

fn open(content: &[u8]) -> Result<Recording<Cursor<&[u8]>>> {
    Recording::read(Cursor::new(content), Path::new("FILE"))
}

/// What can be read of a recording: its intervals and notes.
fn read(content: &[u8]) -> Result<(Vec<Snapshot>, Vec<String>)> {
    let mut recording = open(content)?;
    let intervals = recording.by_ref().collect();
    Ok((intervals, recording.notes().collect()))
}

fn rejection(content: &[u8]) -> Error {
    open(content).map(|_| ()).unwrap_err()
}

/// A member with this line.
fn line(text: &str) -> Vec<u8> {
    format::compressed(text.as_bytes()).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let content = three();
    let (intervals, notes) = read(&content).unwrap();
    assert_eq!(intervals, [interval(1), interval(2), interval(3)]);
    assert_eq!(notes, [""; 0]);
    let mut recording = open(&content).unwrap();
    assert_eq!(recording.end(), None);
    assert_eq!(recording.by_ref().count(), 3);
    assert_eq!(
        recording.end(),
        Some(&End {
            reason: "the duration is over".to_owned(),
            intervals: 3,
            duration_ns: 3_000_000_000,
        })
    );
    let whole = open(&content).unwrap().merge();
    assert_eq!(
        whole,
        Snapshot::merge([interval(1), interval(2), interval(3)])
    );
}

#[test]
fn any_gunzip_reads_lines_of_json() {
    let content = three();
    let mut text = String::new();
    io::Read::read_to_string(
        &mut flate2::read::MultiGzDecoder::new(content.as_slice()),
        &mut text,
    )
    .unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[0]["lock-recording"], 1);
    assert_eq!(lines[2]["interval"]["locks"][0]["waits"]["total_ns"], 2);
    assert_eq!(lines[4]["end"]["intervals"], 3);
}

#[test]
fn cut_off_anywhere_all_before_is_read_and_it_is_said() {
    let content = three();
    let whole = [interval(1), interval(2), interval(3)];
    let mut counts = [0; 4];
    for length in 0..content.len() {
        let Ok((intervals, notes)) = read(&content[..length]) else {
            counts[0] += 1;
            assert_eq!(rejection(&content[..length]).code(), "not-a-recording");
            continue;
        };
        counts[intervals.len()] += 1;
        assert_eq!(intervals, whole[..intervals.len()], "{length} bytes");
        let beginning = format!("the recording is cut off after {}.0 s: ", intervals.len());
        assert_eq!(notes.len(), 1, "{length} bytes");
        assert!(notes[0].starts_with(&beginning), "{notes:?}");
    }
    assert!(counts.iter().all(|&count| count > 20), "{counts:?}");
    let (_, notes) = read(&content[..content.len() - 1]).unwrap();
    let said = "the recording is cut off after 3.0 s: its last part is truncated";
    assert_eq!(notes, [said]);
}

#[test]
fn a_flipped_bit_is_found() {
    let content = three();
    let whole = [interval(1), interval(2), interval(3)];
    for bit in (0..content.len() * 8).step_by(5) {
        let mut damaged = content.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let Ok((intervals, notes)) = read(&damaged) else {
            assert_eq!(rejection(&damaged).code(), "not-a-recording");
            continue;
        };
        assert_eq!(intervals, whole[..intervals.len()], "bit {bit}");
        // Some bits of gzip's own header mean nothing.
        assert!(notes.len() == 1 || intervals.len() == 3, "bit {bit}");
    }
}

#[test]
fn what_is_no_recording_is_rejected() {
    for (content, cause) in [
        (&b""[..], "it is empty"),
        (b"hello", "it is not gzip: "),
        (&line("hello\n"), "its first line is not "),
        (&line("{\"interval\": {}}\n"), "its first line is not "),
        (
            &line("{\"lock-recording\": \"1\"}\n"),
            "its first line is not ",
        ),
        (&line(""), "its first line is not "),
    ] {
        let error = rejection(content);
        assert_eq!(error.code(), "not-a-recording");
        assert!(format!("{error:?}").contains(cause), "{error:?}");
    }
}

#[test]
fn a_newer_version_is_rejected_and_newer_lines_are_passed_over() {
    let error = rejection(&line("{\"lock-recording\": 2, \"lock\": \"9.0\\u001b\"}\n"));
    assert_eq!(error.code(), "recording-newer");
    assert_eq!(
        error.to_string(),
        "FILE has format version 2; lock 0.1.0 reads versions up to 1"
    );
    assert!(!format!("{error:?}").contains("u{1b}"), "{error:?}");
    let content = [
        line("{\"lock-recording\": 1, \"new\": 1}\n"),
        line("{\"mark\": \"begin of the test\"}\n"),
        line("{\"interval\": {\"duration_ns\": 1, \"new\": 1}}\n"),
        line("{\"end\": {}}\n"),
    ];
    let (intervals, notes) = read(&content.concat()).unwrap();
    assert_eq!((intervals.len(), notes.len()), (1, 0));
}

#[test]
fn a_bomb_is_not_unpacked() {
    let zeros = vec![b' '; MAX_LINE as usize + 1];
    let bomb = format::compressed(&zeros).unwrap();
    assert!(bomb.len() < 1 << 20);
    let content = [line("{\"lock-recording\": 1}\n"), bomb].concat();
    let (_, notes) = read(&content).unwrap();
    let said = "the recording is cut off after 0.0 s: the rest is damaged: a line has more than \
                32 MiB, 524288 objects or 4194304 values";
    assert_eq!(notes, [said]);
}

#[test]
fn rows_without_content_do_not_fill_memory() {
    // In one line, and in many.
    let frames = |count: usize| {
        format!(
            "{{\"interval\":{{\"frames\":[{{}}{}]}}}}\n",
            ",{}".repeat(count)
        )
    };
    let locks = |first: usize| {
        let locks: Vec<_> = (first..first + 100)
            .map(|address| {
                format!(
                    "{{\"identity\":{{\"kind\":\"kernel\",\"address\":{address}}},\
                     \"lock_type\":{{\"kernel\":0}},\"operation\":\"\",\"waits\":{{}}}}"
                )
            })
            .collect();
        format!(
            "{{\"interval\":{{\"duration_ns\":1,\"locks\":[{}]}}}}\n",
            locks.join(",")
        )
    };
    let header = line("{\"lock-recording\": 1}\n");
    let (_, notes) = read(&[header.clone(), line(&frames(600_000))].concat()).unwrap();
    assert!(notes[0].contains("524288 objects"), "{notes:?}");

    let mut content = header;
    for index in 0..15 {
        content.extend(line(&locks(index * 100)));
    }
    let whole = open(&content).unwrap().merge_rows(1000);
    assert_eq!(whole.locks.len(), 1100);
    let said = "the recording is cut off after 0.0 s: it has more than 1000 rows";
    assert!(
        whole.notes.iter().any(|note| note == said),
        "{:?}",
        whole.notes
    );
}

#[test]
fn a_full_disk_keeps_what_was_written() {
    let whole = three();
    for size in 0..whole.len() {
        let mut content = Vec::new();
        let disk = Disk {
            content: &mut content,
            size,
        };
        let written = Writer::begin(disk, PathBuf::new()).and_then(|mut writer| {
            for ns in 1..=3 {
                writer.interval(&interval(ns))?;
            }
            writer.end("the duration is over")
        });
        assert_eq!(written.unwrap_err().code(), "disk-full");
        assert!(whole.starts_with(&content));
        if let Ok((_, notes)) = read(&content) {
            assert!(notes[0].contains("it has no end record"), "{notes:?}");
        } else {
            assert!(content.is_empty());
        }
    }
}

#[test]
fn a_recording_that_is_there_is_kept_and_other_files_are_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lock.rec");
    let old = directory.path().join("lock.rec.old");
    for (number, kept) in [(1, None), (2, Some(1)), (3, Some(2))] {
        let mut writer = Destination::prepare(&path).unwrap().create().unwrap();
        writer.interval(&interval(number)).unwrap();
        let length = writer.length();
        assert_eq!(length, fs::metadata(&path).unwrap().len());
        writer.end("").unwrap();
        let first = |path| Recording::open(path).unwrap().next().unwrap();
        assert_eq!(first(&path), interval(number));
        match kept {
            Some(kept) => assert_eq!(first(&old), interval(kept)),
            None => assert!(!old.exists()),
        }
    }
    // So is one of a newer version.
    fs::write(&path, line("{\"lock-recording\": 2}\n")).unwrap();
    Destination::prepare(&path).unwrap();
    fs::write(&path, "notes of mine").unwrap();
    assert_eq!(
        Destination::prepare(&path).unwrap_err().code(),
        "would-overwrite"
    );
    assert_eq!(fs::read(&path).unwrap(), b"notes of mine");
    // An empty file is as good as none.
    fs::write(&path, "").unwrap();
    Destination::prepare(&path).unwrap().create().unwrap();
    assert_eq!(Recording::open(&path).unwrap().count(), 0);
}

#[test]
fn directories_missing_files_and_full_devices_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("no");
    let code = |path: &Path| Recording::open(path).map(|_| ()).unwrap_err().code();
    assert_eq!(code(directory.path()), "is-a-directory");
    assert_eq!(code(&missing), "not-found");
    assert_eq!(
        Destination::prepare(directory.path()).unwrap_err().code(),
        "is-a-directory"
    );
    let within = missing.join("lock.rec");
    assert_eq!(
        Destination::prepare(&within).unwrap_err().code(),
        "not-found"
    );
    let full = Destination::prepare(Path::new("/dev/full")).unwrap();
    assert_eq!(full.create().unwrap_err().code(), "disk-full");
}

#[test]
fn a_pipe_is_written_through() {
    use std::os::fd::AsRawFd as _;

    let (mut reader, pipe) = io::pipe().unwrap();
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let mut writer = Destination::prepare(Path::new(&path))
        .unwrap()
        .create()
        .unwrap();
    drop(pipe);
    writer.interval(&interval(1)).unwrap();
    writer.end("").unwrap();
    let mut content = Vec::new();
    io::Read::read_to_end(&mut reader, &mut content).unwrap();
    let (intervals, notes) = read(&content).unwrap();
    assert_eq!((intervals.len(), notes.len()), (1, 0));
}

#[test]
fn a_long_recording_is_read_in_time_in_proportion() {
    let busy: Vec<_> = (0..4).map(busy_interval).collect();
    // Others do not lengthen it.
    let cpu_time = || clock::time(libc::CLOCK_THREAD_CPUTIME_ID);
    let time_of = |intervals: usize| {
        let mut content = Vec::new();
        let disk = Disk {
            content: &mut content,
            size: usize::MAX,
        };
        let mut writer = Writer::begin(disk, PathBuf::new()).unwrap();
        for number in 0..intervals {
            writer.interval(&busy[number % 4]).unwrap();
        }
        writer.end("the duration is over").unwrap();
        let start = cpu_time().unwrap();
        let whole = open(&content).unwrap().merge();
        let time = cpu_time().unwrap() - start;
        assert_eq!((whole.sites.len(), whole.notes.len()), (350, 0));
        time
    };
    let (short, long) = (time_of(8), time_of(32));
    // An hour's 3600 take seconds when optimised; see docs/recording-format.md.
    assert!(long < short * 8, "8: {short:?}, 32: {long:?}");
}

/// A recording in version 1 of the format, as commit 49025d5 wrote it.
const V1: &[u8] = include_bytes!("fixtures/v1.lockrec");

/// The lines of a recording.
fn lines(content: &[u8]) -> Vec<String> {
    let mut text = String::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(content);
    io::Read::read_to_string(&mut decoder, &mut text).unwrap();
    text.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn a_recording_of_version_1_is_written_again_as_it_was() {
    let (intervals, notes) = read(V1).unwrap();
    assert_eq!((intervals.len(), notes.len()), (2, 0));
    let mut content = Vec::new();
    let disk = Disk {
        content: &mut content,
        size: usize::MAX,
    };
    let mut writer = Writer::begin(disk, PathBuf::new()).unwrap();
    for interval in &intervals {
        writer.interval(interval).unwrap();
    }
    writer.end("duration").unwrap();
    // The header has the version of the writer.
    assert_eq!(lines(&content)[1..], lines(V1)[1..]);
}

#[test]
fn each_variant_keeps_its_name_in_version_1() {
    let lock = |identity: &str, lock_type: &str, word: &str| {
        let interval = serde_json::to_value(v1::Interval::from(&interval(1))).unwrap();
        let mut lock = interval["locks"][0].clone();
        lock["identity"] = serde_json::from_str(identity).unwrap();
        lock["lock_type"] = serde_json::from_str(lock_type).unwrap();
        lock["word"] = word.into();
        lock
    };
    let kernel = r#"{"kind":"kernel","address":1}"#;
    let mut locks: Vec<_> = [
        "mutex",
        "rw-lock",
        "pi-mutex",
        "semaphore",
        "barrier",
        "condvar",
        "join",
        "parked",
        "unknown",
    ]
    .iter()
    .map(|class| lock(kernel, &format!(r#"{{"user":"{class}"}}"#), "own"))
    .collect();
    for word in ["own", "pair", "queue", "waiter", "polled", "inner"] {
        locks.push(lock(kernel, r#"{"kernel":32}"#, word));
    }
    for identity in [
        r#"{"kind":"private","process":3,"address":1}"#,
        r#"{"kind":"shared","object":"x"}"#,
        r#"{"kind":"other"}"#,
    ] {
        locks.push(lock(identity, r#"{"kernel":1}"#, "own"));
    }
    for scope in [
        r#"{"kind":"system"}"#,
        r#"{"kind":"process","pid":7}"#,
        r#"{"kind":"command","command":["a","b"]}"#,
    ] {
        let mut value = serde_json::to_value(v1::Interval::from(&interval(1))).unwrap();
        value["locks"] = locks.clone().into();
        value["about"]["scope"] = serde_json::from_str(scope).unwrap();
        let stored: v1::Interval = serde_json::from_value(value.clone()).unwrap();
        let again = v1::Interval::from(&Snapshot::from(stored));
        assert_eq!(serde_json::to_value(again).unwrap(), value);
    }
}

#[test]
fn each_field_is_documented() {
    fn keys(value: &serde_json::Value, all: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Array(values) => values.iter().for_each(|it| keys(it, all)),
            serde_json::Value::Object(fields) => {
                for (key, value) in fields {
                    // The keys of a histogram are buckets.
                    if key.parse::<u8>().is_err() {
                        all.insert(key.clone());
                    }
                    keys(value, all);
                }
            }
            _ => {}
        }
    }
    let document = include_str!("../../../docs/recording-format.md");
    let mut all = std::collections::BTreeSet::new();
    for line in lines(V1) {
        keys(&serde_json::from_str(&line).unwrap(), &mut all);
    }
    assert!(all.len() > 80, "{all:?}");
    all.retain(|key| {
        !document.contains(&format!("`{key}`")) && !document.contains(&format!("\"{key}\""))
    });
    assert!(all.is_empty(), "not documented: {all:?}");
}
