//! `cargo ebpf verify` against the kernel that runs, with the objects in
//! `tests/verify/objects` (rebuilt by `tests/verify/rebuild.sh`).

use std::{
    error::Error,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
};

use serde_json::Value;
use tempfile::TempDir;
use test_support::{
    Failed, Suite, Test,
    machine::{BPFTOOL, CAPABILITIES, KERNEL_BTF, MOUNT_NAMESPACE, ROOT},
    tests,
};

type Checked = Result<(), Box<dyn Error>>;

type InFolder = fn(&Folder) -> Checked;

const TESTS: &[Test<InFolder>] = tests![
    accepts_btf_maps_globals_and_calls: [CAPABILITIES],
    accepts_legacy_maps: [CAPABILITIES],
    accepts_an_object_without_btf: [CAPABILITIES],
    relocates_accesses_of_a_c_object: [CAPABILITIES],
    refuses_an_unchecked_packet_access: [CAPABILITIES],
    refuses_a_loop_without_end: [CAPABILITIES],
    shows_the_source_of_a_refusal: [CAPABILITIES],
    tells_a_failed_map_from_a_failed_program: [CAPABILITIES],
    loads_sections_that_aya_does_not_know: [CAPABILITIES],
    says_what_this_kernel_has_no_place_for: [CAPABILITIES],
    keeps_the_log_in_the_project: [CAPABILITIES],
    lets_no_escape_sequence_through: [CAPABILITIES],
    survives_every_damaged_object: [CAPABILITIES],
    is_quick: [CAPABILITIES],
    as_nobody_says_that_rights_are_missing: [CAPABILITIES, ROOT],
    links_what_libbpf_links: [CAPABILITIES, KERNEL_BTF],
    linked_objects_agree_with_bpftool: [CAPABILITIES, BPFTOOL, KERNEL_BTF],
    bpftool_agrees: [CAPABILITIES, BPFTOOL],
    bpftool_missing_is_one_sentence: [MOUNT_NAMESPACE],
    what_is_no_object_is_said,
    no_object_named_is_said,
];

fn main() -> ExitCode {
    Suite::new()
        .tests_with(TESTS, |run| {
            Folder::new()
                .and_then(|folder| run(&folder))
                .map_err(Failed::from)
        })
        .run()
}

/// An empty folder in which the command is run: no project around it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"));
        command
            .current_dir(self.path())
            .env("TMPDIR", self.path())
            .arg("verify");
        command
    }

    fn human(&self, object: &Path) -> Result<Output, Box<dyn Error>> {
        Ok(self.command().arg(object).output()?)
    }

    /// The JSON for one object, and the exit code.
    fn json(&self, object: &Path) -> Result<(Value, i32), Box<dyn Error>> {
        let output = self
            .command()
            .args(["--format", "json"])
            .arg(object)
            .output()?;
        let document = test_support::document(&output.stdout)?;
        ensure(document["schema"] == 1, "schema", &document)?;
        let code = output.status.code().ok_or("ended by a signal")?;
        Ok((document["kernels"][0]["objects"][0].clone(), code))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.path().join(name);
        fs::write(&path, bytes)?;
        Ok(path)
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/verify/objects")
        .join(name)
}

fn ensure(holds: bool, what: &str, seen: &impl std::fmt::Debug) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(format!("{what}: {seen:#?}").into())
    }
}

fn program<'a>(object: &'a Value, name: &str) -> Result<&'a Value, Box<dyn Error>> {
    object["programs"]
        .as_array()
        .and_then(|programs| programs.iter().find(|program| program["name"] == name))
        .ok_or_else(|| format!("no program {name} in {object:#}").into())
}

fn verdict(object: &Value, name: &str) -> Result<String, Box<dyn Error>> {
    Ok(program(object, name)?["verdict"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

fn accepts_btf_maps_globals_and_calls(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("tracing.o"))?;
    ensure(
        code == 0 && object["findings"] == Value::Array(Vec::new()),
        "accepted",
        &object,
    )?;
    for name in ["sched_switch", "sys_enter"] {
        let program = program(&object, name)?;
        ensure(program["verdict"] == "accepted", "verdict", program)?;
        let figure = |name: &str| program["statistics"][name].as_u64().unwrap_or(0);
        // A program with a call is more than its own instructions, and a call has a
        // stack of its own.
        ensure(
            figure("processed_instructions") > 20,
            "instructions processed",
            program,
        )?;
        ensure(figure("jit_bytes") > 50, "JIT size", program)?;
        ensure(
            program["statistics"]["stack_depths"]
                .as_array()
                .map(Vec::len)
                == Some(2),
            "stacks",
            program,
        )?;
        ensure(
            program["statistics"]["verification_us"].is_u64(),
            "time",
            program,
        )?;
        ensure(
            program["statistics"]["peak_states"].is_u64(),
            "states",
            program,
        )?;
    }
    Ok(())
}

fn accepts_legacy_maps(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("legacy.o"))?;
    ensure(
        code == 0 && verdict(&object, "on_switch")? == "accepted",
        "accepted",
        &object,
    )
}

fn accepts_an_object_without_btf(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("plain.o"))?;
    let program = program(&object, "classify")?;
    ensure(
        code == 0 && program["type"] == "sched_cls" && program["section"] == "tc",
        "accepted",
        &object,
    )?;
    ensure(
        program["statistics"]["processed_instructions"] == 2,
        "two instructions",
        program,
    )
}

/// The object reads a pid where no task has one, unless CO-RE is applied.
fn relocates_accesses_of_a_c_object(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("core.o"))?;
    ensure(
        code == 0 && verdict(&object, "on_exit")? == "accepted",
        "accepted",
        &object,
    )?;

    // The same without its relocations: a header of .BTF.ext of 32 bytes says last how
    // long they are.
    let mut bytes = fs::read(fixture("core.o"))?;
    let header: Vec<u8> = [
        0xeb9f_u16.to_ne_bytes().as_slice(),
        &[1, 0],
        &32_u32.to_ne_bytes(),
    ]
    .concat();
    let at = bytes
        .windows(8)
        .position(|window| window == header)
        .ok_or("no .BTF.ext")?;
    bytes[at + 28..at + 32].fill(0);
    let (object, _) = folder.json(&folder.write("unrelocated.o", &bytes)?)?;
    let refused = program(&object, "on_exit")?;
    ensure(
        said(refused).contains("access beyond struct task_struct at off 30000"),
        "refused",
        refused,
    )?;
    let place = place(refused);
    ensure(
        place["file"] == "./core.c" && place["line"] == 8,
        "C line",
        refused,
    )
}

/// The verifier's last words about a refused program.
fn said(refused: &Value) -> String {
    let lines = refused["why"]["message"].as_array().into_iter().flatten();
    lines
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The source line of a refusal, of the chain of inlined functions the one to show.
fn place(refused: &Value) -> &Value {
    let instruction = &refused["why"]["instruction"];
    let own = instruction["own"].as_u64().unwrap_or_default();
    &instruction["frames"][usize::try_from(own).unwrap_or_default()]
}

fn refuses_an_unchecked_packet_access(folder: &Folder) -> Checked {
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
fn shows_the_source_of_a_refusal(folder: &Folder) -> Checked {
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

fn refuses_a_loop_without_end(folder: &Folder) -> Checked {
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

fn tells_a_failed_map_from_a_failed_program(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("nested.o"))?;
    ensure(code == 1, "exit code", &code)?;
    ensure(
        verdict(&object, "looks_up")? == "accepted",
        "map of maps",
        &object,
    )?;
    ensure(
        object["findings"][0]["code"] == "map-refused",
        "finding",
        &object,
    )?;
    let failed = program(&object, "uses_impossible")?;
    let cause = failed["why"]["cause"].as_str().unwrap_or_default();
    ensure(
        failed["verdict"] == "not-tried" && cause.contains("`IMPOSSIBLE` (hash)"),
        "why",
        failed,
    )
}

fn loads_sections_that_aya_does_not_know(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("sections.o"))?;
    ensure(code == 1, "exit code", &code)?;
    ensure(verdict(&object, "classify")? == "accepted", "tc", &object)?;
    let by_hand = verdict(&object, "by_hand")?;
    ensure(
        by_hand == "accepted" || by_hand == "unsupported",
        "syscall, from Linux 5.14 on",
        &object,
    )?;
    for (name, message) in [
        ("replace", "replaces a function"),
        ("unknown", "`nobody/knows` names no kind"),
    ] {
        let program = program(&object, name)?;
        let said = program["why"]["message"].as_str().unwrap_or_default();
        ensure(
            program["verdict"] == "not-tried" && said.contains(message),
            name,
            program,
        )?;
    }
    let outside = program(&object, "outside")?;
    let file = place(outside)["file"].as_str().unwrap_or_default();
    ensure(
        outside["verdict"] == "refused" && file.ends_with(".rs"),
        "source in a section of another name",
        outside,
    )
}

fn says_what_this_kernel_has_no_place_for(folder: &Folder) -> Checked {
    let (object, code) = folder.json(&fixture("trampoline.o"))?;
    ensure(
        code == 1 && verdict(&object, "on_switch")? == "accepted",
        "tp_btf",
        &object,
    )?;
    // With trampolines: accepted. Without: not supported, and said why.
    let fentry = program(&object, "on_vfs_read")?;
    let why = fentry["why"]["message"].as_str().unwrap_or_default();
    ensure(
        fentry["verdict"] == "accepted"
            || (fentry["verdict"] == "unsupported" && why.contains("trampoline")),
        "fentry",
        fentry,
    )?;
    let nothing = program(&object, "on_nothing")?;
    let why = nothing["why"]["message"].as_str().unwrap_or_default();
    ensure(
        nothing["verdict"] == "unsupported"
            && why.contains("has no tracepoint `no_such_tracepoint`"),
        "target",
        nothing,
    )?;
    ensure(
        verdict(&object, "on_something")? == "not-tried",
        "no target named",
        &object,
    )
}

/// Objects in `tests/linking/objects`, with the verdict of each program on every kernel, and
/// a part of the cause.
#[rustfmt::skip]
const LINKED: &[(&str, &str, &str)] = &[
    ("core", "accepted", ""),
    ("core_absent", "refused", "(CO-RE)"),
    ("elsewhere", "not-linked", "the section `elsewhere`, which loaders make no map of"),
    ("maps", "accepted", ""),
    ("missing_function", "not-linked", "has no function `no_such_function`"),
    ("ring", "accepted", ""),
    ("setting_and_lock", "refused", "bpf_spin_lock cannot be accessed"),
    ("settings", "accepted", ""),
    ("strong_setting", "not-linked", "`CONFIG_NO_SUCH_SETTING`"),
    ("symbols", "accepted", ""),
    ("undeclared_function", "not-linked", "its BTF does not declare it"),
    ("variable_lock", "refused", "bpf_spin_lock cannot be accessed"),
    ("variables", "accepted", ""),
];

fn linked(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/linking/objects/{name}.o"))
}

fn links_what_libbpf_links(folder: &Folder) -> Checked {
    let mut command = folder.command();
    command.args(["--format", "json"]);
    command.args(LINKED.iter().map(|(name, ..)| linked(name)));
    let document = test_support::document(&command.output()?.stdout)?;
    let objects = &document["kernels"][0]["objects"];
    for (number, (name, verdict, cause)) in LINKED.iter().enumerate() {
        // A verdict without the object's types is not one on the object.
        let findings = &objects[number]["findings"];
        ensure(
            !findings.to_string().contains("btf-refused"),
            name,
            findings,
        )?;
        let programs = objects[number]["programs"].as_array();
        let programs = programs
            .filter(|programs| !programs.is_empty())
            .ok_or(*name)?;
        for program in programs {
            let fits = program["verdict"] == *verdict && program["why"].to_string().contains(cause);
            ensure(fits, name, program)?;
        }
    }
    Ok(())
}

/// Each object is accepted as a whole by libbpf just if every program of it is here.
fn linked_objects_agree_with_bpftool(folder: &Folder) -> Checked {
    let sources = fs::read_dir(linked("core").parent().ok_or("no parent")?)?;
    let mut paths: Vec<_> = sources
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let mut command = folder.command();
    command.args(["--bpftool", "--format", "json"]).args(&paths);
    let document = test_support::document(&command.output()?.stdout)?;
    let objects = document["kernels"][0]["objects"]
        .as_array()
        .ok_or("no objects")?;
    ensure(objects.len() >= LINKED.len(), "objects", &paths)?;
    for object in objects {
        let programs = object["programs"].as_array().ok_or("no programs")?;
        let accepted = programs
            .iter()
            .all(|program| program["verdict"] == "accepted");
        let libbpf = &object["bpftool"];
        let said = libbpf["said"].as_str().unwrap_or_default();
        // What this command does and libbpf alone does not: it sizes maps. Releases of libbpf
        // before 1.4 do not know arenas.
        let ours =
            object["findings"][0]["code"] == "map-size-assumed" || said.contains(".addr_space.1");
        ensure(libbpf["accepted"] == accepted || ours, "libbpf", object)?;
    }
    Ok(())
}

fn keeps_the_log_in_the_project(folder: &Folder) -> Checked {
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

/// A program whose name would turn the terminal red.
fn lets_no_escape_sequence_through(folder: &Folder) -> Checked {
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
fn survives_every_damaged_object(folder: &Folder) -> Checked {
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

/// The limit is a second; most of the time goes to starting a process.
fn is_quick(folder: &Folder) -> Checked {
    let start = std::time::Instant::now();
    folder.human(&fixture("tracing.o"))?;
    ensure(
        start.elapsed().as_secs() < 1,
        "under a second",
        &start.elapsed(),
    )
}

fn as_nobody_says_that_rights_are_missing(folder: &Folder) -> Checked {
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
        "no rights",
        "this process may not load BPF programs",
        "CAP_BPF",
    ] {
        ensure(shown.contains(part), part, &shown)?;
    }
    ensure(
        shown.matches("may not load").count() == 1,
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

fn bpftool_agrees(folder: &Folder) -> Checked {
    let run = |name: &str| {
        folder
            .command()
            .arg("--bpftool")
            .arg(fixture(name))
            .output()
    };
    // Others may mount elsewhere meanwhile.
    let mounts = || -> std::io::Result<Vec<String>> {
        let all = fs::read_to_string("/proc/self/mounts")?;
        let bpf = |line: &&str| line.contains(" /sys/fs/bpf");
        Ok(all.lines().filter(bpf).map(str::to_owned).collect())
    };
    let before = mounts()?;
    let accepted = run("tracing.o")?;
    let shown = String::from_utf8(accepted.stdout)?;
    ensure(
        accepted.status.code() == Some(0)
            && shown.contains("libbpf (bpftool prog loadall) accepts"),
        "accepted",
        &shown,
    )?;
    // libbpf has no legacy maps since 1.0.
    let refused = run("legacy.o")?;
    let shown = String::from_utf8(refused.stdout)?;
    ensure(
        refused.status.code() == Some(1)
            && shown.contains("error[libbpf-refused]")
            && shown.contains("legacy map definitions"),
        "refused",
        &shown,
    )?;
    ensure(mounts()? == before, "nothing stays mounted", &before)
}

fn bpftool_missing_is_one_sentence(folder: &Folder) -> Checked {
    // It is looked for there besides PATH: no program then is there for the command.
    const HIDE: &str = "for file in /usr/sbin/bpftool /sbin/bpftool; do
        if [ -f \"$file\" ]; then mount --bind /dev/null \"$file\" || exit 99; fi
        done; PATH= exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", HIDE, "sh"])
        .arg(env!("CARGO_BIN_EXE_cargo-ebpf"))
        .args(["verify", "--bpftool"])
        .arg(fixture("plain.o"))
        .current_dir(folder.path())
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure(
        output.status.code() == Some(1)
            && said.contains("error[no-bpftool]")
            && said.contains("apt-get install bpftool"),
        "said",
        &(output.status, said.clone()),
    )
}

fn what_is_no_object_is_said(folder: &Folder) -> Checked {
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

fn no_object_named_is_said(folder: &Folder) -> Checked {
    let output = folder.command().output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure(
        output.status.code() == Some(1) && said.contains("error[project-missing]"),
        "said",
        &said,
    )
}
