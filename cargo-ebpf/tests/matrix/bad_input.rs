//! What is no kernel, no guest, no answer: each ends in one clear sentence, and leaves
//! neither a process nor a file.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
    time::{Duration, Instant},
};

use serde_json::Value;
use test_support::{Failed, machine::cache};

use crate::sandbox::{
    Program, Sandbox, check, document, ended_with, finish, image, object, object_of, text,
};

fn verify(sandbox: &Sandbox, kernel: &str) -> Output {
    sandbox.run([
        "verify",
        "--kernel",
        kernel,
        &object("verify/objects/plain.o"),
    ])
}

/// Holds that the kernel gave no verdict, for this reason, said once.
fn failed_with(code: &str, words: &[&str], output: &Output) -> Result<(), Failed> {
    let shown = text(&output.stdout);
    check(output.status.code() == Some(1), "it ends with 1", output)?;
    check(shown.matches("error[").count() == 1, "one error", output)?;
    check(shown.contains(&format!("error[{code}]")), code, output)?;
    for words in words {
        check(shown.contains(words), words, output)?;
    }
    check(
        !text(&output.stderr).contains("panicked"),
        "no panic",
        output,
    )
}

pub(crate) fn what_is_no_image_is_said() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let file = |name: &str, content: &[u8]| -> Result<String, Failed> {
        let path = sandbox.path(name);
        fs::write(&path, content)?;
        Ok(path.to_string_lossy().into_owned())
    };
    let whole = fs::read(image("6.1"))?;
    let fifo = sandbox.path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    let invalid = [
        file("text", b"#!/bin/sh\n")?,
        file("empty", b"")?,
        file("header", &whole[..0x240])?,
        file("half", &whole[..whole.len() / 2])?,
        file("vmlinux", b"\x7fELF\x02\x01\x01")?,
        sandbox.path("tmp").to_string_lossy().into_owned(),
        "/dev/zero".to_owned(),
    ];
    let fifo = made
        .is_ok_and(|status| status.success())
        .then(|| fifo.to_string_lossy().into_owned());
    for path in invalid.into_iter().chain(fifo) {
        let output = verify(&sandbox, &path);
        ended_with("kernel-image-invalid", &output)?;
        check(
            text(&output.stderr).contains(&path),
            "it names the file",
            &output,
        )?;
        check(output.stdout.is_empty(), "no result", &output)?;
        sandbox.is_clean()?;
    }
    let output = verify(&sandbox, "/no/such/vmlinuz");
    ended_with("not-found", &output)
}

/// A boot image whose code is this.
fn boot_image(code: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 64 << 10];
    image[0x1f1] = 1;
    image[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    // jmp to 0x280
    image[0x200..0x202].copy_from_slice(&[0xeb, 0x7e]);
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x020a_u16.to_le_bytes());
    image[0x211] = 1;
    image[0x22c..0x230].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    image[0x280..0x280 + code.len()].copy_from_slice(code);
    image
}

pub(crate) fn what_never_comes_up_is_ended() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let path = sandbox.path("halted");
    // cli; 1: hlt; jmp 1b
    fs::write(&path, boot_image(&[0xfa, 0xf4, 0xeb, 0xfd]))?;
    let since = Instant::now();
    let output = verify(&sandbox, &path.to_string_lossy());
    failed_with(
        "guest-no-boot",
        &[
            "the kernel halted did not boot: it printed and sent nothing for 90 s",
            "serial ports",
        ],
        &output,
    )?;
    check(
        since.elapsed() < Duration::from_secs(150),
        "in time",
        &output,
    )?;
    sandbox.is_clean()
}

pub(crate) fn an_image_that_is_cut_off_does_not_boot() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    // Resets the machine by way of the keyboard's controller: mov al, 0xfe; out 0x64, al
    let path = sandbox.path("reset");
    fs::write(&path, boot_image(&[0xb0, 0xfe, 0xe6, 0x64, 0xf4]))?;
    let output = verify(&sandbox, &path.to_string_lossy());
    failed_with("guest-no-boot", &["the guest reset before"], &output)?;
    sandbox.is_clean()?;
    // A real kernel without a first process panics.
    changed_argument(&sandbox, "-append", "rdinit=/none $word")?;
    let output = finish(with_script(&sandbox));
    failed_with(
        "kernel-panicked",
        &["panicked: VFS: Unable to mount root fs"],
        &output,
    )?;
    sandbox.is_clean()?;
    // One with a damaged archive does not run out of memory.
    changed_argument(&sandbox, "-initrd", "$0.archive")?;
    fs::write(sandbox.path("bin/qemu-system-x86_64.archive"), "none")?;
    let output = finish(with_script(&sandbox));
    failed_with(
        "guest-no-boot",
        &["could not unpack its initramfs: invalid magic", "may be"],
        &output,
    )?;
    sandbox.is_clean()
}

pub(crate) fn too_little_memory_is_said() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let plain = object("verify/objects/plain.o");
    // Too little for the archive, for the kernel, for the archive's content.
    for (memory, code) in [
        ("32", "guest-no-boot"),
        ("60", "guest-no-boot"),
        ("100", "guest-out-of-memory"),
    ] {
        let output = sandbox.run([
            "verify",
            "--kernel",
            "6.1",
            "--guest-memory",
            memory,
            &plain,
        ]);
        failed_with(code, &["--guest-memory"], &output)?;
        sandbox.is_clean()?;
    }
    for argument in [["--guest-memory", "0"], ["--timeout", "0"]] {
        let output = sandbox.run(["verify", argument[0], argument[1], &plain]);
        check(output.status.code() == Some(2), "no such amount", &output)?;
    }
    Ok(())
}

/// Three programs, the second of which keeps the verifier busy: a loop of as many turns
/// as it takes, with a full stack to keep and compare at each.
fn slow_object() -> Result<Vec<u8>, Failed> {
    const MOV: [u8; 8] = [0xb7, 0, 0, 0, 0, 0, 0, 0];
    const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];
    let mut slow = Vec::new();
    for slot in 1..=60_i16 {
        // call bpf_get_prandom_u32; *(u64 *)(r10 - 8 * slot) = r0
        slow.push([0x85, 0, 0, 0, 7, 0, 0, 0]);
        let [low, high] = (-8 * slot).to_le_bytes();
        slow.push([0x7b, 0x0a, low, high, 0, 0, 0, 0]);
    }
    let [a, b, c, d] = 2_000_000_i32.to_le_bytes();
    slow.extend([
        // r6 = 0; 1: r6 += 1; if r6 < 2000000 goto 1b
        [0xb7, 0x06, 0, 0, 0, 0, 0, 0],
        [0x07, 0x06, 0, 0, 1, 0, 0, 0],
        [0xa5, 0x06, 0xfe, 0xff, a, b, c, d],
        MOV,
        EXIT,
    ]);
    let programs = [
        ("before", vec![MOV, EXIT]),
        ("slow", slow),
        ("after", vec![MOV, EXIT]),
    ];
    object_of(
        "raw_tp/sys_enter",
        &programs.map(|(name, code)| Program {
            name: name.to_owned(),
            code,
        }),
        None,
    )
}

/// The verifier is busy with one program for longer than the timeout; the object's
/// others are tried all the same.
fn slow_program(kernel: &str, timeout: &str) -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let slow = sandbox.path("slow.o");
    fs::write(&slow, slow_object()?)?;
    let slow = slow.to_string_lossy().into_owned();
    let since = Instant::now();
    let output = sandbox.run([
        "verify",
        "--kernel",
        kernel,
        "--timeout",
        timeout,
        "--format",
        "json",
        &slow,
    ]);
    let document = document(&output)?;
    let kernel = &document["kernels"][0];
    check(
        kernel["findings"] == serde_json::json!([]),
        "the kernel is well",
        &output,
    )?;
    let programs = kernel["objects"][0]["programs"]
        .as_array()
        .ok_or("no programs")?;
    let of = |name: &str| -> Result<&Value, Failed> {
        let found = programs.iter().find(|program| program["name"] == name);
        found.ok_or_else(|| format!("no {name}: {document}").into())
    };
    check(of("slow")?["verdict"] == "broke", "it is ended", &output)?;
    check(
        of("slow")?["why"]["code"] == "verifier-slow",
        "and why",
        &output,
    )?;
    let message = of("slow")?["why"]["message"].as_str().unwrap_or_default();
    check(
        message.contains(&format!("was killed after {timeout} s")),
        "when",
        &output,
    )?;
    for name in ["before", "after"] {
        check(of(name)?["verdict"] == "accepted", name, &output)?;
    }
    check(programs.len() == 3, "each once", &output)?;
    check(
        since.elapsed() < Duration::from_secs(120),
        "in time",
        &output,
    )?;
    sandbox.is_clean()
}

pub(crate) fn a_slow_program_is_ended_on_the_host() -> Result<(), Failed> {
    slow_program("host", "1")
}

pub(crate) fn a_slow_program_is_ended_in_a_guest() -> Result<(), Failed> {
    slow_program("6.12", "3")
}

/// A qemu of our own: a script, which has the real one in `$QEMU`.
fn script(sandbox: &Sandbox, text: &str) -> Result<(), Failed> {
    let folder = sandbox.path("bin");
    fs::create_dir_all(&folder)?;
    let path = folder.join("qemu-system-x86_64");
    fs::write(&path, format!("#!/bin/sh\n{text}\n"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A qemu that gets `value`, in which `$word` is the given one, after `option`.
fn changed_argument(sandbox: &Sandbox, option: &str, value: &str) -> Result<(), Failed> {
    script(
        sandbox,
        &format!(
            "for word; do [ \"$last\" = {option} ] && word=\"{value}\"; set -- \"$@\" \"$word\"; \
             last=$word; shift; done; exec \"$QEMU\" \"$@\""
        ),
    )
}

fn with_script(sandbox: &Sandbox) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let real = std::env::split_paths(&path)
        .map(|folder| folder.join("qemu-system-x86_64"))
        .find(|file| file.exists());
    let plain = object("verify/objects/plain.o");
    let mut command = sandbox.command(["verify", "--kernel", "6.1", &plain]);
    let ours = [sandbox.path("bin")].into_iter();
    let folders = ours.chain(std::env::split_paths(&path));
    command
        .env("QEMU", real.unwrap_or_default())
        .env("PATH", std::env::join_paths(folders).unwrap_or_default());
    command
}

pub(crate) fn without_qemu_setup_is_named() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let mut command = with_script(&sandbox);
    command.env("PATH", sandbox.path("none"));
    let output = finish(command);
    ended_with("qemu-missing", &output)?;
    check(
        text(&output.stderr).contains("cargo ebpf setup --vm"),
        "it says how to get it",
        &output,
    )?;
    // Nor is a kernel looked for that nothing could boot.
    let plain = object("verify/objects/plain.o");
    let mut command = sandbox.command(["verify", "--kernel", "9.99", &plain]);
    command.env("PATH", sandbox.path("none"));
    ended_with("qemu-missing", &finish(command))?;
    sandbox.is_clean()
}

pub(crate) fn what_qemu_says_is_shown() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    for (qemu, words) in [
        (
            "echo 'no \x1b[31mroom' >&2; exit 1",
            &["no \\u{1b}[31mroom"][..],
        ),
        ("exit 3", &["exit code 3"]),
        ("kill -9 $$", &["signal 9 (SIGKILL)"]),
        // A screen full of text is no answer.
        ("head -c 100000 /dev/zero | tr '\\0' x", &["did not boot"]),
    ] {
        script(&sandbox, qemu)?;
        let output = finish(with_script(&sandbox));
        failed_with("guest-no-boot", words, &output)?;
        check(
            !text(&output.stdout).contains('\x1b'),
            "no escapes",
            &output,
        )?;
        sandbox.is_clean()?;
    }
    // A frame's mark, and then nonsense.
    script(
        &sandbox,
        "printf '\\377EB\\000\\001\\000\\000\\000\\001\\000\\000\\000abcdefgh'; sleep 1",
    )?;
    let output = finish(with_script(&sandbox));
    failed_with("answer-damaged", &["wrong checksum"], &output)?;
    sandbox.is_clean()
}

pub(crate) fn a_full_disk_is_said() -> Result<(), Failed> {
    let sandbox = Sandbox::new();
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs -o size=4m none \"$TMPDIR\" && \"$@\"; code=$?; ls -A \"$TMPDIR\" >&2; exit $code",
        "sh",
    ]);
    command
        .arg(sandbox.path("cargo-ebpf"))
        .args(["verify", "--kernel", "6.1"])
        .arg(object("verify/objects/plain.o"));
    sandbox.settle(&mut command);
    let output = finish(command);
    ended_with("disk-full", &output)?;
    check(
        !text(&output.stderr).contains("\n.ebpf-tmp-"),
        "no folder is left",
        &output,
    )
}

/// A home that is not there is said only where it is needed.
pub(crate) fn without_a_home_it_is_said() -> Result<(), Failed> {
    let sandbox = Sandbox::of_nobody();
    let plain = sandbox.own(&object("verify/objects/plain.o"));
    let bare = |kernel: &str| {
        let mut command = sandbox.command(["verify", "--kernel", kernel, &plain]);
        // Debian says that nobody lives in /nonexistent.
        command.env_remove("XDG_CACHE_HOME");
        finish(command)
    };
    let output = bare("6.1");
    ended_with("access-denied", &output)?;
    check(
        text(&output.stderr).contains("set XDG_CACHE_HOME"),
        "what to set",
        &output,
    )?;
    // The running kernel needs no cache, and a kernel that is named by its path neither.
    let output = bare("host");
    check(
        !text(&output.stderr).contains("error["),
        "the host is asked",
        &output,
    )?;
    // One that everybody may read.
    let own = image("6.1");
    let below_cache = own.strip_prefix(cache().ok_or("no cache")?)?;
    let image = sandbox.path("cache/cargo-ebpf").join(below_cache);
    let output = bare(&image.to_string_lossy());
    check(output.status.success(), "a guest is asked", &output)?;
    sandbox.is_clean()
}
