//! With few rights: what works, what is missing and said, and what `doctor` makes of it.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;
use test_support::{Failed, Outcome, Test, machine::ROOT, tests};

use crate::{
    expect::{expect, expect_code, expect_stderr, number, read_json},
    process::{LOCK, lock},
    usage_errors::NOBODY,
};

/// Numbers of the kernel's `include/uapi/linux/capability.h`.
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    two_rights_are_enough: [ROOT],
    the_missing_right_is_named: [ROOT],
    what_is_not_needed_is_given_up: [ROOT],
    programs_are_timed_after_it: [ROOT],
    doctor_tells_what_is_missing: [ROOT],
    memory_is_what_the_kernel_says
];

/// The command has what the user has; `lock` itself, each of its threads, has less.
fn what_is_not_needed_is_given_up() -> Outcome {
    const CAP_SYS_ADMIN: u32 = 21;
    const CAP_SYS_MODULE: u32 = 16;
    let held = |status: &str, field: &str| -> Result<u64, Failed> {
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        Ok(u64::from_str_radix(line.ok_or("no such line")?.trim(), 16)?)
    };
    let own = fs::read_to_string("/proc/self/status")?;
    // $PPID is lock.
    let script = "sleep 0.5; cat /proc/self/status; echo; cat /proc/$PPID/task/*/status";
    let output = lock(&["record", "-o", "/dev/null", "--", "sh", "-c", script]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let (command, threads) = text.split_once("\n\n").ok_or("two parts")?;
    expect(held(command, "CapEff:")? == held(&own, "CapEff:")?, || {
        format!("the command has less than the user: {command}")
    })?;
    let threads: Vec<&str> = threads.split("Name:").skip(1).collect();
    expect(threads.len() > 1, || format!("one thread: {text}"))?;
    for thread in threads {
        for field in ["CapEff:", "CapPrm:"] {
            let set = held(thread, field)?;
            let gone = 1 << CAP_SYS_ADMIN | 1 << CAP_SYS_MODULE;
            expect(set & gone == 0, || format!("not given up: {thread}"))?;
            expect(set >> CAP_BPF & 1 == 1, || format!("not kept: {thread}"))?;
        }
        expect(thread.contains("NoNewPrivs:\t1"), || {
            format!("new ones can be had: {thread}")
        })?;
    }
    Ok(())
}

/// Programs are timed once a second, by a process that can do nothing else.
fn programs_are_timed_after_it() -> Outcome {
    const CAP_SYS_ADMIN: u32 = 21;
    // $PPID is lock.
    let script = "sleep 2.3; for p in $(cat /proc/$PPID/task/*/children); \
                  do [ $p = $$ ] || cat /proc/$p/status; done >&2";
    let folder = tempfile::tempdir()?;
    let report = folder.path().join("report");
    let mut record = lock(&["record", "--format", "json", "--report"]);
    let output = record
        .arg(&report)
        .args(["--", "sh", "-c", script])
        .output()?;
    let notes = notes(&read_json(&report)?);
    expect(!notes.contains("overhead"), || {
        format!("not measured: {notes}")
    })?;
    let statuses = String::from_utf8(output.stderr)?;
    let sets = statuses.lines().filter(|line| line.starts_with("CapEff:"));
    let only = format!("CapEff:\t{:016x}", 1 << CAP_SYS_ADMIN);
    expect(sets.clone().any(|set| set == only), || {
        format!("no process with this capability only: {statuses}")
    })
}

/// A copy of `lock` that nobody may run, in a folder that nobody may write to: the folder of
/// the build may be closed to others.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn new() -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777))?;
        fs::copy(LOCK, folder.path().join("lock"))?;
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `lock` as a user without rights but these, which its children have, too.
    fn run(&self, rights: &'static [u32], arguments: &[&str]) -> Result<Output, Failed> {
        let mut command = Command::new(self.path("lock"));
        command.args(arguments);
        // SAFETY: only system calls and the stack are used between fork and exec.
        unsafe { command.pre_exec(|| become_nobody(rights)) };
        Ok(command.output()?)
    }
}

/// Gives up root and every capability but these.
fn become_nobody(rights: &[u32]) -> io::Result<()> {
    // struct __user_cap_header_struct and __user_cap_data_struct of the kernel's
    // include/uapi/linux/capability.h, version 3.
    let header: [u32; 2] = [0x2008_0522, 0];
    let mut data = [[0_u32; 3]; 2];
    for right in rights {
        let half = if *right < 32 { 0 } else { 1 };
        data[half] = data[half].map(|bits| bits | 1 << (right % 32));
    }
    let check = |result: libc::c_long| match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: integers, and pointers to what the calls ask for.
    unsafe {
        check(libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0).into())?;
        check(libc::syscall(libc::SYS_setgroups, 0, 0))?;
        check(libc::syscall(libc::SYS_setresgid, NOBODY, NOBODY, NOBODY))?;
        check(libc::syscall(libc::SYS_setresuid, NOBODY, NOBODY, NOBODY))?;
        check(libc::syscall(
            libc::SYS_capset,
            header.as_ptr(),
            data.as_ptr(),
        ))?;
        for right in rights {
            check(
                libc::prctl(
                    libc::PR_CAP_AMBIENT,
                    libc::PR_CAP_AMBIENT_RAISE,
                    *right,
                    0,
                    0,
                )
                .into(),
            )?;
        }
    }
    Ok(())
}

fn notes(report: &Value) -> String {
    report
        .pointer("/notes")
        .map(Value::to_string)
        .unwrap_or_default()
}

/// What is held against the addresses in kallsyms decides on names: root's settings may show
/// them to everybody.
fn names_are_hidden() -> bool {
    let read = |path: &str| {
        let text = fs::read_to_string(Path::new("/proc/sys/kernel").join(path));
        text.unwrap_or_default().trim().parse::<i32>().unwrap_or(0)
    };
    read("kptr_restrict") > 0 || read("perf_event_paranoid") > 1
}

fn two_rights_are_enough() -> Outcome {
    let copy = Copy::new()?;
    let (report, command) = (copy.path("report"), copy.path("lock"));
    let file = report.to_string_lossy();
    let command = command.to_string_lossy();
    let output = copy.run(
        &[CAP_BPF, CAP_PERFMON],
        &[
            "record",
            "--format",
            "json",
            "--report",
            &file,
            "--",
            &command,
            "workload",
            "rust-mutex",
            "--duration",
            "1",
        ],
    )?;
    expect_code(&output, 0)?;
    let report = read_json(&report)?;
    let waits = number(&report, "/account/user/ended")?;
    expect(waits > 20, || format!("{waits} waits: {report:#}"))?;
    // Names of one's own programs need no right.
    let text = report.to_string();
    expect(text.contains("lock_workload::"), || {
        format!("no names: {report:#}")
    })?;
    let notes = notes(&report);
    expect(
        notes.contains("the overhead of the hooks is unknown"),
        || format!("the cost is told, or not said to be missing: {notes}"),
    )?;
    expect(notes.contains("CAP_SYSLOG") == names_are_hidden(), || {
        format!("names of kernel functions: {notes}")
    })?;
    Ok(())
}

fn the_missing_right_is_named() -> Outcome {
    let copy = Copy::new()?;
    const ONE: [(&[u32], &str); 2] = [
        (&[CAP_BPF], "cause: missing: CAP_PERFMON\n"),
        (&[CAP_PERFMON], "cause: missing: CAP_BPF\n"),
    ];
    for (rights, missing) in ONE {
        let output = copy.run(rights, &["record", "--duration", "0.1"])?;
        expect_code(&output, 1)?;
        expect_stderr(&output, "error[no-rights]")?;
        expect_stderr(&output, missing)?;
        expect_stderr(&output, "setcap cap_bpf,cap_perfmon+ep")?;
    }
    Ok(())
}

/// The state of an item.
fn state<'a>(document: &'a Value, code: &str) -> Option<&'a str> {
    let items = document.get("items")?.as_array()?;
    let item = items.iter().find(|item| item["code"] == code)?;
    item["state"].as_str()
}

fn doctor(output: &Output) -> Result<Value, Failed> {
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn doctor_tells_what_is_missing() -> Outcome {
    let copy = Copy::new()?;
    let arguments = ["doctor", "--format", "json"];
    let expect_states = |rights: &'static [u32], code: i32, states: &[(&str, &str)]| {
        let output = copy.run(rights, &arguments)?;
        expect_code(&output, code)?;
        let document = doctor(&output)?;
        for (item, expected) in states {
            expect(state(&document, item) == Some(expected), || {
                format!("{item} is not {expected}: {document:#}")
            })?;
        }
        expect(document["works"] == (code == 0), || format!("{document:#}"))
    };
    expect_states(
        &[CAP_BPF, CAP_PERFMON],
        0,
        &[
            ("cap-bpf", "ok"),
            ("cap-perfmon", "ok"),
            ("programs-load", "ok"),
            ("trial", "ok"),
            ("run-time-statistics", "limited"),
            ("other-users-programs", "limited"),
        ],
    )?;
    expect_states(
        &[CAP_BPF],
        1,
        &[
            ("cap-bpf", "ok"),
            ("cap-perfmon", "failed"),
            ("kernel-btf", "ok"),
            ("programs-load", "failed"),
        ],
    )?;
    expect_states(&[], 1, &[("cap-bpf", "failed"), ("proc", "ok")])?;
    Ok(())
}

fn memory_is_what_the_kernel_says() -> Outcome {
    for bounds in [
        &[][..],
        &[
            "--max-locks=100",
            "--max-stacks=33",
            "--max-threads=64",
            "--buffer=1",
        ],
        &["--max-locks=20000", "--max-threads=100000"],
    ] {
        let output = lock(&["doctor", "--format=json"]).args(bounds).output()?;
        expect_code(&output, 0)?;
        let document = doctor(&output)?;
        let ours = number(&document, "/memory/bytes")?;
        let told = number(&document, "/memory/reported_by_kernel_bytes")?;
        // Variables of the programs, some hundred bytes, are not counted.
        expect(ours.abs_diff(told) < told / 100, || {
            format!("{bounds:?}: {ours} bytes, the kernel says {told}")
        })?;
    }
    Ok(())
}
