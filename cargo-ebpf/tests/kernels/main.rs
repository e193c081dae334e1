//! `kernels` on a made-up archive, and on the real one where it can be reached.

mod archive;

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::process::CommandExt as _,
    process::{Command, ExitCode, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use test_support::{
    Failed, Outcome, Suite, Test, kernel_package,
    machine::{APT, DEBIAN_ARCHIVE, MOUNT_NAMESPACE, ROOT},
    tests,
};

use crate::archive::{Machine, open_to_all, stderr};

/// A test with an archive of its own.
type WithArchive = fn(Machine) -> Outcome;

const TESTS: &[Test<WithArchive>] = tests![
    what_there_is_is_listed: [APT],
    the_newest_is_fetched: [APT],
    all_are_fetched: [APT],
    a_version_that_nobody_has_is_told_so: [APT],
    without_the_archive_the_cache_serves: [APT],
    without_archive_and_cache_it_is_said_once: [APT],
    a_suite_that_is_gone_is_a_warning: [APT],
    a_changed_package_is_refused: [APT],
    a_package_that_was_removed_gives_way_to_an_older_one: [APT],
    a_package_without_a_kernel_is_refused: [APT],
    a_damaged_image_is_fetched_anew: [APT],
    two_runs_wait_for_each_other: [APT],
    a_machine_without_a_mirror_is_told_so: [APT],
    what_killed_runs_left_is_cleared: [APT],
    nobody_can_fetch: [APT, ROOT],
    a_full_disk_leaves_no_half: [APT, MOUNT_NAMESPACE],
    without_apt_it_is_said,
];

fn main() -> ExitCode {
    Suite::new()
        .tests_with(TESTS, |run| run(Machine::new()))
        .tests(tests![the_real_archive_serves: [DEBIAN_ARCHIVE]])
        .run()
}

fn check(holds: bool, output: &Output) -> Outcome {
    if holds {
        return Ok(());
    }
    Err(format!(
        "{}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        stderr(output)
    )
    .into())
}

fn run(machine: &Machine, arguments: &[&str]) -> Output {
    machine.kernels(arguments).output().unwrap()
}

fn fine(output: Output) -> Result<Output, Failed> {
    check(output.status.success(), &output)?;
    Ok(output)
}

/// The error that ended the command, by its code.
fn ended_with(code: &str, output: &Output) -> Outcome {
    let said = stderr(output);
    check(output.status.code() == Some(1), output)?;
    check(said.contains(&format!("error[{code}]")), output)?;
    check(
        said.matches("error[").count() == 1 && said.contains("fix: "),
        output,
    )
}

fn document(output: &Output) -> Result<Value, Failed> {
    test_support::document(&output.stdout).map_err(|cause| format!("{cause}: {output:?}").into())
}

fn labels(document: &Value, with: &str) -> Vec<String> {
    let kernels = document["kernels"].as_array().unwrap();
    kernels
        .iter()
        .filter(|kernel| kernel[with].is_object())
        .map(|kernel| kernel["label"].as_str().unwrap().to_owned())
        .collect()
}

const NEW: &str = "6.1.0-56-cloud-amd64_6.1.192-2";

fn what_there_is_is_listed(machine: Machine) -> Outcome {
    let output = fine(run(&machine, &[]))?;
    check(
        String::from_utf8_lossy(&output.stdout).contains("bookworm-security"),
        &output,
    )?;
    // The second time no apt is needed; the program is started by its path.
    let mut command = machine.kernels(&["--format", "json"]);
    let output = fine(command.env("PATH", machine.path("none")).output().unwrap())?;
    let document = document(&output)?;
    check(document["schema"] == 1, &output)?;
    check(
        labels(&document, "offered") == ["5.10", "6.1", "7.3"],
        &output,
    )?;
    check(labels(&document, "cached").is_empty(), &output)?;
    check(
        document["kernels"][1]["offered"]["version"] == "6.1.192-2",
        &output,
    )
}

fn the_newest_is_fetched(machine: Machine) -> Outcome {
    let output = fine(run(
        &machine,
        &["--fetch", "6.1,7.3,6.1", "--format", "json"],
    ))?;
    let document = document(&output)?;
    check(labels(&document, "cached") == ["6.1", "7.3"], &output)?;
    let cached = &document["kernels"][1]["cached"];
    check(cached["release"] == "6.1.0-56-cloud-amd64", &output)?;
    let content = fs::read(cached["path"].as_str().ok_or("no path")?)?;
    check(
        content == kernel_package::boot_image("6.1.0-56-cloud-amd64"),
        &output,
    )?;
    let hash = "package/sha256"
        .split('/')
        .fold(cached, |value, key| &value[key]);
    check(
        *hash == document["kernels"][1]["offered"]["sha256"],
        &output,
    )?;
    check(
        machine.cached("images") == [NEW, "7.3.4+deb13-cloud-amd64_7.3.4-1~bpo13+1"],
        &output,
    )?;
    // Nothing of the work is left.
    check(
        machine.cached("") == ["apt", "available.json", "images", "lock"],
        &output,
    )
}

fn all_are_fetched(machine: Machine) -> Outcome {
    let output = fine(run(&machine, &["--fetch", "all", "--format", "json"]))?;
    check(
        labels(&document(&output)?, "cached") == ["5.10", "6.1", "7.3"],
        &output,
    )
}

fn a_version_that_nobody_has_is_told_so(machine: Machine) -> Outcome {
    let output = run(&machine, &["--fetch", "4.19"]);
    ended_with("kernel-unknown", &output)?;
    check(stderr(&output).contains("5.10, 6.1, 7.3"), &output)?;
    check(machine.cached("images").is_empty(), &output)
}

fn without_the_archive_the_cache_serves(machine: Machine) -> Outcome {
    fine(run(&machine, &["--fetch", "6.1"]))?;
    machine.cut_off();
    for list in ["6.1", "all"] {
        let output = fine(run(&machine, &["--fetch", list]))?;
        let said = stderr(&output);
        check(said.matches("warning[").count() == 1, &output)?;
        check(said.contains("warning[kernels-offline]"), &output)?;
    }
    check(
        machine.cached("images") == [NEW],
        &fine(run(&machine, &[]))?,
    )?;
    // One that is not cached is an error that says what is.
    let output = run(&machine, &["--fetch", "5.10"]);
    ended_with("no-network", &output)?;
    check(
        stderr(&output).contains("or use a cached kernel: 6.1"),
        &output,
    )
}

fn without_archive_and_cache_it_is_said_once(machine: Machine) -> Outcome {
    machine.cut_off();
    for arguments in [&[][..], &["--fetch", "6.1"], &["--fetch", "all"]] {
        let output = run(&machine, arguments);
        ended_with("no-network", &output)?;
        check(!stderr(&output).contains("warning["), &output)?;
    }
    Ok(())
}

fn a_suite_that_is_gone_is_a_warning(machine: Machine) -> Outcome {
    fs::remove_dir_all(machine.path("debian/dists/bullseye"))?;
    let output = fine(run(&machine, &["--fetch", "6.1", "--format", "json"]))?;
    check(stderr(&output).matches("warning[").count() == 1, &output)?;
    let document = document(&output)?;
    check(labels(&document, "offered") == ["6.1", "7.3"], &output)?;
    check(labels(&document, "cached") == ["6.1"], &output)
}

fn a_changed_package_is_refused(machine: Machine) -> Outcome {
    let package =
        machine.path("debian-security/pool/linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb");
    let mut content = fs::read(&package)?;
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(&package, content)?;
    let output = run(&machine, &["--fetch", "6.1"]);
    check(output.status.code() == Some(1), &output)?;
    check(stderr(&output).contains("Hash Sum mismatch"), &output)?;
    check(machine.cached("images").is_empty(), &output)
}

fn a_package_that_was_removed_gives_way_to_an_older_one(machine: Machine) -> Outcome {
    let remove = |package: &str| fs::remove_file(machine.path(package));
    remove("debian-security/pool/linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb")?;
    let output = fine(run(&machine, &["--fetch", "6.1"]))?;
    check(stderr(&output).contains("warning[package-absent]"), &output)?;
    check(
        machine.cached("images") == ["6.1.0-50-cloud-amd64_6.1.176-1"],
        &output,
    )?;
    // Without any, it is not the network.
    remove("debian/pool/linux-image-5.10.0-46-cloud-amd64_5.10.262-1_amd64.deb")?;
    let output = run(&machine, &["--fetch", "5.10"]);
    ended_with("kernel-unknown", &output)?;
    let said = stderr(&output);
    check(
        said.contains("6.1, 7.3") && !said.contains("5.10,"),
        &output,
    )?;
    let output = fine(run(&machine, &["--fetch", "all", "--format", "json"]))?;
    check(stderr(&output).contains("warning[kernel-unknown]"), &output)?;
    check(
        labels(&document(&output)?, "cached") == ["6.1", "7.3"],
        &output,
    )
}

fn a_package_without_a_kernel_is_refused(mut machine: Machine) -> Outcome {
    let image = kernel_package::boot_image("x");
    let escape = [("../../../../vmlinuz", image.as_slice())];
    let text = [("./boot/vmlinuz-6.2.0-1-cloud-amd64", &b"text"[..])];
    for (minor, deb) in [
        (2, kernel_package::package(&text)),
        (3, kernel_package::package(&escape)),
        (4, b"!<arch>\n".to_vec()),
        (5, Vec::from(*b"no package")),
    ] {
        let package = format!("linux-image-6.{minor}.0-1-cloud-amd64");
        machine.package("sid", &package, &format!("6.{minor}.1-1"), &deb);
    }
    machine.publish();
    for (release, code) in [
        ("6.2", "kernel-image-invalid"),
        ("6.3", "kernel-package-broken"),
        ("6.4", "kernel-package-broken"),
        ("6.5", "kernel-package-broken"),
    ] {
        let output = run(&machine, &["--fetch", release]);
        check(
            stderr(&output).contains(code) || stderr(&output).contains("not cached"),
            &output,
        )?;
        check(output.status.code() == Some(1), &output)?;
        check(machine.cached("images").is_empty(), &output)?;
        check(
            machine.cached("") == ["apt", "available.json", "lock"],
            &output,
        )?;
    }
    Ok(())
}

fn a_damaged_image_is_fetched_anew(machine: Machine) -> Outcome {
    fine(run(&machine, &["--fetch", "6.1"]))?;
    let image = machine
        .path("cache/cargo-ebpf/kernels/images")
        .join(NEW)
        .join("vmlinuz");
    fs::write(&image, "half")?;
    let output = fine(run(&machine, &["--format", "json"]))?;
    check(labels(&document(&output)?, "cached").is_empty(), &output)?;
    let output = fine(run(&machine, &["--fetch", "6.1"]))?;
    check(
        fs::read(&image)? == kernel_package::boot_image("6.1.0-56-cloud-amd64"),
        &output,
    )
}

fn two_runs_wait_for_each_other(machine: Machine) -> Outcome {
    fs::create_dir_all(machine.path("cache/cargo-ebpf/kernels"))?;
    let lock = File::create(machine.path("cache/cargo-ebpf/kernels/lock"))?;
    lock.lock()?;
    let mut child = machine
        .kernels(&["--fetch", "6.1"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stderr = child.stderr.take().ok_or("no stderr")?;
    let mut said = [0; 64];
    let length = stderr.read(&mut said)?;
    let first = String::from_utf8_lossy(&said[..length]).into_owned();
    thread::sleep(Duration::from_millis(200));
    let waiting = child.try_wait()?.is_none() && machine.cached("apt").is_empty();
    drop(lock);
    let since = Instant::now();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest)?;
    let status = child.wait()?;
    if !first.contains("Waiting for another process") || !waiting || !status.success() {
        return Err(format!("{first}{rest}{status}, {:?}", since.elapsed()).into());
    }
    // Two that start at once: both get it, and one entry is there.
    let mut children = Vec::new();
    for _ in 0..2 {
        let mut command = machine.kernels(&["--fetch", "all"]);
        children.push(
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?,
        );
    }
    for child in children {
        fine(child.wait_with_output()?)?;
    }
    assert_eq!(machine.cached("images").len(), 3);
    Ok(())
}

fn a_machine_without_a_mirror_is_told_so(machine: Machine) -> Outcome {
    fs::write(
        machine.path("machine.list"),
        "deb http://mirror.example/ubuntu noble main\n",
    )?;
    let output = run(&machine, &["--fetch", "6.1"]);
    ended_with("kernels-no-mirror", &output)?;
    check(
        stderr(&output).contains("CARGO_EBPF_DEBIAN_MIRROR"),
        &output,
    )?;
    // One that is named is used, and its signature checked: this archive has none.
    let mirror = format!("file:{}", machine.path("debian").display());
    let mut command = machine.kernels(&["--fetch", "6.1"]);
    let output = command.env("CARGO_EBPF_DEBIAN_MIRROR", mirror).output()?;
    ended_with("kernels-unsigned", &output)?;
    check(machine.cached("images").is_empty(), &output)
}

fn what_killed_runs_left_is_cleared(machine: Machine) -> Outcome {
    let left = machine.path("cache/cargo-ebpf/kernels/.ebpf-tmp-0123456789abcdef");
    fs::create_dir_all(&left)?;
    fs::write(left.join("half.deb"), "half")?;
    let output = fine(run(&machine, &["--fetch", "6.1"]))?;
    check(!left.exists(), &output)
}

fn without_apt_it_is_said(machine: Machine) -> Outcome {
    let mut command = machine.kernels(&["--fetch", "6.1"]);
    let output = command.env("PATH", machine.path("none")).output()?;
    ended_with("apt-missing", &output)?;
    check(
        stderr(&output).contains("the path of a kernel image"),
        &output,
    )
}

fn nobody_can_fetch(machine: Machine) -> Outcome {
    /// Debian's nobody and nogroup; on others, too, a user without rights.
    const NOBODY: u32 = 65534;
    let as_nobody = |command: &mut Command| command.uid(NOBODY).gid(NOBODY).output();
    // A cache that she may not write is said, with what to do.
    let output = as_nobody(&mut machine.kernels(&["--fetch", "6.1"]))?;
    ended_with("access-denied", &output)?;
    check(stderr(&output).contains("set XDG_CACHE_HOME"), &output)?;

    fs::create_dir(machine.path("hers"))?;
    open_to_all(&machine.path("hers"));
    std::os::unix::fs::chown(machine.path("hers"), Some(NOBODY), Some(NOBODY))?;
    let mut command = machine.kernels(&["--fetch", "all", "--format", "json"]);
    command.env("XDG_CACHE_HOME", machine.path("hers"));
    let output = fine(as_nobody(&mut command)?)?;
    check(
        labels(&document(&output)?, "cached") == ["5.10", "6.1", "7.3"],
        &output,
    )
}

fn a_full_disk_leaves_no_half(mut machine: Machine) -> Outcome {
    // A small package with a large image in it.
    let mut image = kernel_package::boot_image("6.2.0-1-cloud-amd64");
    image.resize(16 << 20, 0);
    let deb = kernel_package::package(&[("./boot/vmlinuz-6.2.0-1-cloud-amd64", &image)]);
    machine.package("sid", "linux-image-6.2.0-1-cloud-amd64", "6.2.1-1", &deb);
    machine.publish();
    // Room for no list; for all but the image.
    for (size, cause) in [("16k", ""), ("12m", "/vmlinuz")] {
        let script = format!(
            "mount -t tmpfs -o size={size} none \"$XDG_CACHE_HOME\" && \"$@\"; code=$?; \
             find \"$XDG_CACHE_HOME\" -name image.json -o -name '.ebpf-tmp-*' >&2; exit $code"
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh"]);
        command
            .arg(machine.path("cargo-ebpf"))
            .args(["kernels", "--fetch", "6.2"]);
        machine.settle(&mut command);
        let output = command.output()?;
        ended_with("disk-full", &output)?;
        let said = stderr(&output);
        check(
            said.contains(cause) && !said.contains("image.json"),
            &output,
        )?;
        check(!said.lines().any(|line| line.starts_with('/')), &output)?;
    }
    Ok(())
}

fn the_real_archive_serves() -> Outcome {
    let cache = tempfile::tempdir()?;
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"))
        .args(["kernels", "--fetch", "6.1", "--format", "json"])
        .env("XDG_CACHE_HOME", cache.path())
        .output()?;
    let document = document(&output)?;
    check(output.status.success(), &output)?;
    check(labels(&document, "cached") == ["6.1"], &output)?;
    // Every release of Debian from 11 on has its own.
    let offered = labels(&document, "offered");
    for release in ["5.10", "6.1", "6.12"] {
        check(offered.iter().any(|label| label == release), &output)?;
    }
    let cached = document["kernels"]
        .as_array()
        .ok_or("no kernels")?
        .iter()
        .find_map(|kernel| kernel["cached"]["path"].as_str());
    let image = fs::read(cached.ok_or("no image")?)?;
    check(image.get(0x202..0x206) == Some(b"HdrS"), &output)?;
    Ok(())
}
