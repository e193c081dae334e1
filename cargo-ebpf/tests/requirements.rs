//! `cargo ebpf requirements` as a user runs it. What needs a kernel with BTF says so where
//! there is none.

use std::{
    fs,
    process::{Command, ExitCode},
};

use assert_cmd::{assert::Assert, cargo::CommandCargoExt as _};
use serde_json::Value;
use test_support::{Failed, Outcome, Suite, Test, machine::KERNEL_BTF, tests};

const VMLINUX: &str = "/sys/kernel/btf/vmlinux";
const OBJECTS: [&str; 4] = ["aya-btf", "aya-legacy", "libbpf-el", "libbpf-eb"];

const TESTS: &[Test<fn() -> Outcome>] = tests![
    json_is_one_versioned_document,
    what_is_no_object_is_refused,
    what_is_no_release_is_refused,
    a_large_object_takes_a_moment,
    tables_agree_with_this_kernel: [KERNEL_BTF],
];

fn main() -> ExitCode {
    let mut suite = Suite::new().tests(TESTS);
    for name in OBJECTS {
        suite = suite.test(format!("report_{name}"), &[], move || {
            let text = text_of(&[&path(name), "--kernel", "5.10,6.1,6.12,7.3"]);
            insta::assert_snapshot!(format!("requirements-{name}"), text);
            Ok(())
        });
    }
    suite.run()
}

fn path(name: &str) -> String {
    format!("tests/objects/{name}.o")
}

/// Runs the command in the crate's folder, which the fixtures' paths are relative to.
fn requirements(arguments: &[&str]) -> Assert {
    let mut command = Command::cargo_bin("cargo-ebpf").unwrap();
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("requirements")
        .args(arguments);
    assert_cmd::Command::from_std(command)
        .timeout(std::time::Duration::from_secs(60))
        .assert()
}

fn text_of(arguments: &[&str]) -> String {
    let assert = requirements(arguments).success().stderr("");
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn json_of(arguments: &[&str]) -> Result<Value, Failed> {
    let arguments = [arguments, &["--format", "json"]].concat();
    Ok(test_support::document(text_of(&arguments).as_bytes())?)
}

fn json_is_one_versioned_document() -> Outcome {
    let json = json_of(&[&path("aya-btf"), "--kernel", "5.10"])?;
    assert_eq!(json["schema"], 1);
    let object = &json["objects"][0];
    assert_eq!(object["object"], "tests/objects/aya-btf.o");
    assert_eq!(object["release"], "5.19");
    assert_eq!(object["programs"][0]["without"], "5.8");
    let first = &object["kernels"][0]["programs"][0];
    assert_eq!(first["load"]["prediction"], "lacks");
    assert_eq!(first["load"]["name"], "contention_begin");
    Ok(())
}

fn what_is_no_object_is_refused() -> Outcome {
    let assert = requirements(&["Cargo.toml"]).code(1).stdout("");
    let text = String::from_utf8(assert.get_output().stderr.clone())?;
    assert!(text.contains("Cargo.toml"), "{text}");
    let assert = requirements(&[&path("aya-btf"), "--btf", "Cargo.toml"]).code(1);
    let text = String::from_utf8(assert.get_output().stderr.clone())?;
    assert!(text.contains("error[btf-unreadable]"), "{text}");
    Ok(())
}

fn what_is_no_release_is_refused() -> Outcome {
    let assert = requirements(&[&path("aya-btf"), "--kernel", "new"]).code(2);
    let text = String::from_utf8(assert.get_output().stderr.clone())?;
    assert!(text.contains("such as 5.19"), "{text}");
    Ok(())
}

/// What `benches/pipeline` measures; here only that nothing in it grows with the square.
fn a_large_object_takes_a_moment() -> Outcome {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("large.o");
    fs::write(&file, large_object())?;
    let begin = std::time::Instant::now();
    let text = text_of(&[file.to_str().ok_or("path")?]);
    let time = begin.elapsed();
    assert!(text.contains("more than 4096 instructions"), "{text}");
    assert!(time < std::time::Duration::from_secs(10), "{time:?}");
    Ok(())
}

/// A program of a mebibyte: every instruction of it a call, a branch or an atomic.
fn large_object() -> Vec<u8> {
    use object::{
        Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
        write::{Object, Symbol, SymbolSection},
    };
    let mut written = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let section = written.add_section(
        Vec::new(),
        b"tp_btf/sched_switch".to_vec(),
        SectionKind::Text,
    );
    let call = [0x85, 0, 0, 0, 5, 0, 0, 0];
    let branch = [0x15, 0, 1, 0, 0, 0, 0, 0];
    let atomic = [0xdb, 0x0a, 0xf8, 0xff, 1, 0, 0, 0];
    let mut code: Vec<u8> = [call, branch, atomic].concat().repeat((1 << 20) / 24);
    code.extend([0x95, 0, 0, 0, 0, 0, 0, 0]);
    let size = code.len() as u64;
    written.append_section_data(section, &code, 8);
    written.add_symbol(Symbol {
        name: b"large".to_vec(),
        value: 0,
        size,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    written.write().unwrap_or_default()
}

/// What the tables say that this kernel has, its BTF has too, and nothing else.
fn tables_agree_with_this_kernel() -> Outcome {
    let running = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut numbers = running.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().unwrap_or_default().to_owned();
    let release = format!("{}.{}", next(), next());
    let parts = |release: &str| -> Vec<u32> {
        let numbers = release.split('.');
        numbers.filter_map(|number| number.parse().ok()).collect()
    };
    let mut compared = 0;
    for name in OBJECTS {
        let json = json_of(&[&path(name), "--btf", VMLINUX])?;
        let list = json["objects"][0]["requirements"].as_array().cloned();
        for requirement in list.unwrap_or_default() {
            // What comes with the configuration may be left out.
            let numbered = [
                "program-type",
                "attach-type",
                "map-type",
                "map-flag",
                "helper",
            ];
            let (Some(kind), Some(there), Some(since)) = (
                requirement["kind"].as_str(),
                requirement["in_btf"].as_bool(),
                requirement["since"].as_str(),
            ) else {
                continue;
            };
            if numbered.contains(&kind) {
                let expected = parts(since) <= parts(&release);
                assert_eq!(there, expected, "{requirement} on Linux {release}");
                compared += 1;
            }
        }
    }
    assert!(compared > 20, "only {compared} were compared");
    Ok(())
}
