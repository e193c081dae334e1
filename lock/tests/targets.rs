//! `lock` compiles for no target that it cannot record on: its build script, as cargo runs it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

/// The build script of this package that cargo compiled last.
fn build_script() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test.ancestors().nth(2).ok_or(io::ErrorKind::NotFound)?;
    let mut scripts = Vec::new();
    for entry in fs::read_dir(profile.join("build"))? {
        let directory = entry?.path();
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let script = directory.join("build-script-build");
        if name.starts_with("lockprof-")
            && let Ok(compiled) = modified(&script)
        {
            scripts.push((compiled, script));
        }
    }
    let newest = scripts.into_iter().max();
    Ok(newest.ok_or(io::ErrorKind::NotFound)?.1)
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

#[test]
fn other_targets_are_rejected_in_a_sentence() -> io::Result<()> {
    let script = build_script()?;
    for (os, arch, width) in [
        ("linux", "aarch64", "64"),
        ("linux", "arm", "32"),
        ("linux", "riscv64", "64"),
        ("linux", "s390x", "64"),
        ("linux", "x86", "32"),
        // x32
        ("linux", "x86_64", "32"),
        ("android", "x86_64", "64"),
        ("freebsd", "x86_64", "64"),
    ] {
        let output = Command::new(&script)
            .env_clear()
            .env("CARGO_CFG_TARGET_OS", os)
            .env("CARGO_CFG_TARGET_ARCH", arch)
            .env("CARGO_CFG_TARGET_POINTER_WIDTH", width)
            .output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let sentence = "cargo::error=lock records on Linux on x86-64 only, not on";
        assert_eq!(
            printed.trim_end(),
            format!(
                "{sentence} {os} on {arch} with pointers of {width} bits: it would report no waits"
            )
        );
    }
    Ok(())
}
