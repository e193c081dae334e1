//! Rejected programs, and their logs.

use std::{fs, path::Path};

use crate::folder::{Checked, Folder, ensure, fixture, place, program, said, verdict};

pub(crate) fn refuses_an_unchecked_packet_access(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("packet.o"))?;
    ensure(
        code == 1 && verdict(&object, "checked")? == "accepted",
        "one of two",
        &object,
    )?;
    let refused = program(&object, "unchecked")?;
    let why = &refused["why"];
    ensure(
        refused["verdict"] == "refused" && why["code"] == "packet-bounds",
        "refused",
        refused,
    )?;
    let text = |name: &str| why[name].as_str().unwrap_or_default();
    ensure(
        said(refused).starts_with("invalid access to packet"),
        "the verifier's words",
        why,
    )?;
    ensure(why["error"] == 13, "EACCES", why)?;
    let place = place(refused);
    let file = place["file"].as_str().unwrap_or_default();
    // Where the read is inlined from depends on the compiler; that it is a line of
    // Rust does not.
    ensure(
        file.ends_with(".rs") && place["line"].as_u64() > Some(0),
        "source line",
        place,
    )?;
    let log = fs::read_to_string(text("log_file"))?;
    ensure(
        log.contains(&said(refused)) && log.contains("processed "),
        "full log",
        &log,
    )?;

    let output = folder.human(&fixture("packet.o"))?;
    let shown = String::from_utf8(output.stdout)?;
    for part in [
        "accepts 1 of 2",
        "error[verifier::packet-bounds]: ",
        "--> ",
        "reports: invalid access to packet",
        "r1 = *(u8 *)(r1 +12)",
        "packet.o-unchecked.verifier.log",
    ] {
        ensure(shown.contains(part), part, &shown)?;
    }
    ensure(output.status.code() == Some(1), "exit code", &output.status)
}

/// Source lines and the chain of inlined functions come from DWARF.
pub(crate) fn shows_the_source_of_a_refusal(folder: &Folder) -> Checked {
    let object = fixture("inlined.o");
    let shown = String::from_utf8(folder.human(&object)?.stdout)?;
    for part in [
        "--> ",
        "programs/src/bin/inlined.rs:34:5",
        "*unsafe { waits.get_unchecked_mut(slot) } += 1;",
        "r0 is a pointer into the 480-byte value of ",
        "r0 returned by `bpf_map_lookup_elem`",
        "into inlined::count::count",
        "invalid access to map value, value_size=480",
    ] {
        ensure(shown.contains(part), part, &shown)?;
    }
    let (object, _) = folder.json(&object)?;
    let diagnosis = &program(&object, "count")?["why"];
    ensure(
        diagnosis["instruction"]["frames"][0]["line"] == 34
            && diagnosis["registers"][0]["name"] == "r0",
        "the diagnosis as data",
        diagnosis,
    )
}

pub(crate) fn refuses_a_loop_without_end(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("endless.o"))?;
    let refused = program(&object, "endless")?;
    ensure(
        code == 1 && refused["verdict"] == "refused",
        "refused",
        refused,
    )?;
    // Either the verifier notices that nothing changes, or it gives up.
    let cause = said(refused);
    ensure(
        cause.contains("infinite loop") || cause.contains("too large"),
        "cause",
        refused,
    )?;
    ensure(
        refused["statistics"]["processed_instructions"].as_u64() > Some(0),
        "figures",
        refused,
    )
}

pub(crate) fn keeps_the_log_in_the_project(folder: &Folder) -> Checked {
    folder.write(
        "Cargo.toml",
        b"[package]\nname = \"around\"\nversion = \"0.0.0\"\nedition = \"2024\"\n",
    )?;
    fs::create_dir(folder.path().join("src"))?;
    folder.write("src/lib.rs", b"")?;
    let (object, _) = {
        let output = folder
            .command()
            .env_remove("CARGO_TARGET_DIR")
            .args(["--format", "json"])
            .arg(fixture("packet.o"))
            .output()?;
        let document = test_support::document(&output.stdout)?;
        (document["kernels"][0]["objects"][0].clone(), ())
    };
    let file = program(&object, "unchecked")?["why"]["log_file"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let expected = folder
        .path()
        .canonicalize()?
        .join("target/ebpf/packet.o-unchecked.verifier.log");
    ensure(
        Path::new(&file).canonicalize()? == expected,
        "log file",
        &file,
    )
}
