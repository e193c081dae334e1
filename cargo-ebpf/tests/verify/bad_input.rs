//! Damaged and hostile objects, wrong paths, missing rights.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::folder::{Checked, Folder, ensure, fixture};

/// A program whose name would turn the terminal red.
pub(crate) fn lets_no_escape_sequence_through(folder: &Folder) -> Checked {
    let mut bytes = fs::read(fixture("plain.o"))?;
    let at = bytes
        .windows(9)
        .position(|window| window == b"classify\0")
        .ok_or("no such name")?;
    bytes[at..at + 8].copy_from_slice(b"\x1b[31mabc");
    let output = folder.human(&folder.write("red.o", &bytes)?)?;
    let shown = String::from_utf8(output.stdout)?;
    ensure(
        shown.contains("\\u{1b}[31mabc") && !shown.contains('\x1b'),
        "written out",
        &shown,
    )
}

/// Every length, and single bits all over: an answer each time, and no panic.
pub(crate) fn survives_every_damaged_object(folder: &Folder) -> Checked {
    let whole = fs::read(fixture("tracing.o"))?;
    let mut damaged: Vec<Vec<u8>> = (0..whole.len())
        .step_by(97)
        .map(|length| whole[..length].to_vec())
        .collect();
    damaged.extend((0..whole.len()).step_by(61).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes[(at * 7) % whole.len()] = 0xff;
        bytes
    }));
    let mut command = folder.command();
    for (number, bytes) in damaged.iter().enumerate() {
        command.arg(folder.write(&format!("{number}.o"), bytes)?);
    }
    let output = command.args(["--format", "json"]).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure(
        output.status.code() == Some(1) && !errors.contains("panicked"),
        "ended well",
        &errors,
    )?;
    let document = test_support::document(&output.stdout)?;
    ensure(
        document["kernels"][0]["objects"].as_array().map(Vec::len) == Some(damaged.len()),
        "an answer each",
        &damaged.len(),
    )
}

pub(crate) fn as_nobody_says_that_rights_are_missing(folder: &Folder) -> Checked {
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777))?;
    // Nobody may not be allowed into the folders of this repository.
    let object = folder.write("tracing.o", &fs::read(fixture("tracing.o"))?)?;
    let command = folder.path().join("cargo-ebpf");
    fs::copy(env!("CARGO_BIN_EXE_cargo-ebpf"), &command)?;
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&command)
        .arg("verify")
        .arg(&object)
        .current_dir(folder.path())
        .output()?;
    let shown = String::from_utf8(output.stdout)?;
    ensure(
        output.status.code() == Some(1),
        "exit code",
        &(output.status, &shown),
    )?;
    for part in [
        "not permitted",
        "this process is not permitted to load BPF programs",
        "CAP_BPF",
    ] {
        ensure(shown.contains(part), part, &shown)?;
    }
    ensure(
        shown.matches("is not permitted to load").count() == 1,
        "said once",
        &shown,
    )?;
    let fix = shown
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("fix: "))
        .ok_or("no fix")?;
    // A sudo that resets PATH, as `secure_path` does. This process is root already.
    folder.write(
        "sudo",
        b"#!/bin/sh\nshift\nPATH=/usr/bin:/bin exec \"$@\"\n",
    )?;
    let sudo = folder.path().join("sudo");
    fs::set_permissions(&sudo, fs::Permissions::from_mode(0o755))?;
    let typed = Command::new("sh")
        .args([
            "-c",
            &format!("PATH={}:$PATH; {fix}", folder.path().display()),
        ])
        .current_dir("/")
        .output()?;
    ensure(
        typed.status.success(),
        "the printed command works",
        &(fix, typed),
    )
}

/// There, root has all capabilities, and none of them counts.
pub(crate) fn in_a_user_namespace_rights_are_missing(folder: &Folder) -> Checked {
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user"])
        .arg(env!("CARGO_BIN_EXE_cargo-ebpf"))
        .arg("verify")
        .arg(fixture("plain.o"))
        .current_dir(folder.path())
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    ensure(
        said.contains("no-rights") && said.contains("outside of the user namespace"),
        "the namespace is the cause",
        &said,
    )?;
    ensure(!said.contains("another hook"), "not the hook", &said)
}

pub(crate) fn a_missing_directory_for_temporary_files_is_named(folder: &Folder) -> Checked {
    let output = folder
        .command()
        .env("TMPDIR", "/no/such/directory")
        .arg(fixture("plain.o"))
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure(
        said.contains("/no/such/directory") && said.contains("fix: set TMPDIR"),
        "named, with a fix",
        &said,
    )
}

pub(crate) fn what_is_no_object_is_said(folder: &Folder) -> Checked {
    let object = fs::read(fixture("plain.o"))?;
    let with = |offset: usize, byte: u8| {
        let mut bytes = object.clone();
        bytes[offset] = byte;
        bytes
    };
    let mut big_endian = with(5, 2);
    // The header's type, machine and version; no more of it is looked at.
    big_endian[16..18].reverse();
    big_endian[18..20].reverse();
    big_endian[20..24].reverse();
    for (name, bytes, code) in [
        ("empty", Vec::new(), "object-empty"),
        ("noise", vec![0x5a; 4096], "object-not-elf"),
        ("header", object[..17].to_vec(), "object-truncated"),
        ("big-endian", big_endian, "object-endianness"),
        ("elf32", with(4, 1), "object-not-bpf"),
        ("x86", with(18, 62), "object-not-bpf"),
        ("executable", with(16, 2), "object-not-relocatable"),
        (
            "truncated",
            object[..object.len() / 2].to_vec(),
            "object-truncated",
        ),
    ] {
        let (seen, exit) = folder.json(&folder.write(name, &bytes)?)?;
        ensure(
            exit == 1 && seen["findings"][0]["code"] == code,
            name,
            &seen,
        )?;
        ensure(seen["findings"][0]["fix"].is_string(), "has a fix", &seen)?;
    }
    let (seen, exit) = folder.json(folder.path())?;
    ensure(
        exit == 1 && seen["findings"][0]["code"] == "object-not-a-file",
        "folder",
        &seen,
    )?;
    let (seen, exit) = folder.json(&folder.path().join("absent"))?;
    ensure(
        exit == 1 && seen["findings"][0]["code"] == "object-not-found",
        "absent",
        &seen,
    )?;

    // A gigabyte of nothing is not read at all.
    let huge = folder.path().join("huge");
    fs::File::create(&huge)?.set_len(1 << 30)?;
    let (seen, exit) = folder.json(&huge)?;
    ensure(
        exit == 1 && seen["findings"][0]["code"] == "object-not-elf",
        "huge",
        &seen,
    )
}

pub(crate) fn no_object_named_is_said(folder: &Folder) -> Checked {
    let output = folder.command().output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure(
        output.status.code() == Some(1) && said.contains("error[project-missing]"),
        "said",
        &said,
    )
}
