//! `cargo ebpf inspect` as a user runs it.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use assert_cmd::{assert::Assert, cargo::CommandCargoExt as _};
use predicates::{prelude::PredicateBooleanExt as _, str::contains};

const AYA: &str = "tests/objects/aya-btf.o";
const C: &str = "tests/objects/libbpf-el.o";

/// Runs `cargo-ebpf inspect` in the crate's folder, which the fixtures' paths are
/// relative to.
fn inspect(arguments: &[&str]) -> Assert {
    let mut command = Command::cargo_bin("cargo-ebpf").unwrap();
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("inspect")
        .args(arguments);
    assert_cmd::Command::from_std(command)
        .timeout(Duration::from_secs(20))
        .assert()
}

fn text_of(arguments: &[&str]) -> String {
    let output = inspect(arguments)
        .success()
        .stderr("")
        .get_output()
        .stdout
        .clone();
    String::from_utf8(output).unwrap()
}

/// Checks that `file` is refused with that code, a cause and a fix, in a moment and with
/// nothing on stdout.
fn refused(file: &Path, code: &str) -> String {
    let begin = Instant::now();
    let assert = inspect(&[file.to_str().unwrap()])
        .code(1)
        .stdout("")
        .stderr(contains(format!("error[{code}]")))
        .stderr(contains(file.to_str().unwrap()))
        .stderr(contains("cause: ").and(contains("fix: ")));
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

fn written(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn an_aya_object_with_btf_maps() {
    insta::assert_snapshot!(text_of(&[AYA]));
}

#[test]
fn an_aya_object_with_legacy_maps() {
    insta::assert_snapshot!(text_of(&["tests/objects/aya-legacy.o"]));
}

#[test]
fn a_c_object() {
    insta::assert_snapshot!(text_of(&[C]));
}

#[test]
fn a_big_endian_object_differs_only_in_its_header() {
    let little = text_of(&[C]);
    let big = text_of(&["tests/objects/libbpf-eb.o"]);
    assert_eq!(
        big,
        little
            .replace("libbpf-el.o", "libbpf-eb.o")
            .replace("LSB", "MSB")
    );
}

#[test]
fn disassembly_stands_between_source_lines() {
    insta::assert_snapshot!(text_of(&["--disasm", C]));
}

#[test]
fn disassembly_without_sources_has_lines_all_the_same() {
    let mut command = Command::cargo_bin("cargo-ebpf").unwrap();
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join(C);
    let elsewhere = tempfile::tempdir().unwrap();
    command
        .current_dir(elsewhere.path())
        .args(["inspect", "--disasm"])
        .arg(object);
    assert_cmd::Command::from_std(command)
        .assert()
        .success()
        .stdout(contains("tests/objects/libbpf.c\n"))
        .stdout(contains("    38 │\n"))
        .stdout(contains("leave libbpf.c:32 → tgid_of libbpf.c:21"))
        .stdout(contains("call bpf_probe_read_kernel#113"));
}

#[test]
fn disassembly_from_btf_alone() {
    insta::assert_snapshot!(text_of(&["--disasm", AYA]));
}

#[test]
fn json_is_one_versioned_document() {
    let json = test_support::document(text_of(&["--format", "json", C]).as_bytes()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn json_has_the_code_when_asked() {
    let text = text_of(&["--format", "json", "--disasm", C]);
    let json = test_support::document(text.as_bytes()).unwrap();
    let leave = &json["code"][1];
    assert_eq!(leave["name"], "leave");
    let call = &leave["code"][8];
    assert_eq!(call["index"], 8);
    assert_eq!(call["bytes"], "8500000071000000");
    assert_eq!(call["text"], "call bpf_probe_read_kernel#113");
    assert_eq!(call["frames"][0]["function"], "tgid_of");
    assert_eq!(call["frames"][0]["line"], 21);
    assert_eq!(call["frames"][1]["function"], "leave");
}

#[test]
fn a_refusal_is_json_too() {
    let assert = inspect(&["--format", "json", "tests"]).code(1);
    let json = test_support::document(&assert.get_output().stdout).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["error"]["code"], "object-not-a-file");
    assert_eq!(
        json["error"]["message"],
        "tests: the object is not a regular file"
    );
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    refused(&folder.path().join("absent.o"), "object-not-found");
    let stderr = refused(folder.path(), "object-not-a-file");
    assert!(stderr.contains("it is a directory"), "{stderr}");
    let stderr = refused(Path::new("/dev/zero"), "object-not-a-file");
    assert!(stderr.contains("it is a device"), "{stderr}");

    let fifo = folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let stderr = refused(&fifo, "object-not-a-file");
    assert!(stderr.contains("it is a fifo"), "{stderr}");
}

#[test]
fn what_is_no_object_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    refused(&written(&folder, "empty", b""), "object-empty");
    refused(
        &written(&folder, "text", b"hello, world\n"),
        "object-not-elf",
    );
    refused(
        &written(&folder, "bitcode", b"BC\xc0\xde...."),
        "object-not-elf",
    );

    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(C)).unwrap();
    for len in [1, 3, 4, 63, 64, bytes.len() / 2, bytes.len() - 1] {
        refused(
            &written(&folder, "short", &bytes[..len]),
            "object-truncated",
        );
    }
}

#[test]
fn a_native_program_is_refused_with_what_it_is() {
    let stderr = refused(&std::env::current_exe().unwrap(), "object-not-bpf");
    assert!(stderr.contains("it is an ELF 64-bit LSB "), "{stderr}");
}

#[test]
fn a_gibibyte_of_noise_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let noise = written(&folder, "noise", b"\x13\x37\xca\xfe noise");
    File::options()
        .write(true)
        .open(&noise)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    let begin = Instant::now();
    refused(&noise, "object-not-elf");
    assert!(
        begin.elapsed() < Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn a_gibibyte_that_begins_like_an_object_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(C)).unwrap();
    let large = written(&folder, "large", &bytes);
    File::options()
        .write(true)
        .open(&large)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    refused(&large, "object-too-large");
}

#[test]
fn an_object_without_btf_is_read_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(AYA)).unwrap();
    let stripped = written(&folder, "stripped", &replaced(&bytes, b".BTF", b".XXX"));
    inspect(&[stripped.to_str().unwrap()])
        .success()
        .stdout(contains("BTF      none"))
        .stdout(contains("COUNTS").and(contains("unknown without BTF")));
}

#[test]
fn names_do_not_reach_the_terminal_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(C)).unwrap();
    // A program, a map, a section and a source file with escapes in their names.
    let mut hostile = bytes;
    for (name, escaped) in [
        (&b"leave"[..], &b"\x1b[31m"[..]),
        (b"pids", b"\x1b[2J"),
        (b"?kprobe", b"\x1b[1;2mX"),
        (b"libbpf.c", b"\x1b]0;me\x07x"),
    ] {
        hostile = replaced(&hostile, name, escaped);
    }
    let object = written(&folder, "\u{1b}[31mred.o", &hostile);
    let text = text_of(&["--disasm", object.to_str().unwrap()]);
    assert!(
        text.contains(r"\u{1b}[31m") && text.contains(r"\u{1b}[2J"),
        "{text}"
    );
    assert!(text.contains(r"\u{1b}]0;me\u{7}x"), "{text}");
    let control = |text: &str| {
        text.chars()
            .any(|character| character.is_control() && character != '\n')
    };
    assert!(!control(&text), "{text:?}");
}

#[test]
fn colour_only_where_it_is_wanted() {
    assert!(!text_of(&["--disasm", C]).contains('\u{1b}'));
    let mut command = Command::cargo_bin("cargo-ebpf").unwrap();
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CLICOLOR_FORCE", "1")
        .args(["inspect", "--disasm", C]);
    assert_cmd::Command::from_std(command)
        .assert()
        .success()
        .stdout(contains("\u{1b}["));
}

#[test]
fn a_source_that_is_no_file_does_not_stop_it() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("tests/objects");
    fs::create_dir_all(&sources).unwrap();
    // Reading it would wait for ever.
    let made = Command::new("mkfifo")
        .arg(sources.join("libbpf.c"))
        .status()
        .unwrap();
    assert!(made.success());
    let mut command = Command::cargo_bin("cargo-ebpf").unwrap();
    command
        .current_dir(folder.path())
        .args(["inspect", "--disasm"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(C));
    assert_cmd::Command::from_std(command)
        .timeout(Duration::from_secs(20))
        .assert()
        .success()
        .stdout(contains("    38 │\n"));
}

/// `bytes` with every `from` replaced by `to`, padded with zeros.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert!(to.len() <= from.len());
    let mut replaced = bytes.to_vec();
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(from) {
            let place = &mut replaced[at..at + from.len()];
            place.fill(0);
            place[..to.len()].copy_from_slice(to);
        }
    }
    replaced
}
