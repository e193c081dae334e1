//! Names of functions and locks in programs that `lock` sees from outside: in containers, and
//! in Python.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        fs::{PermissionsExt as _, chown, symlink},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use test_support::{
    Failed, Outcome, Test,
    machine::{PYTHON, USER_NAMESPACE},
    tests, waiting_program,
};

use crate::{
    expect::{expect, expect_code},
    process::{Process, lock, report, system_wide},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] = tests![
    a_program_in_a_mount_namespace: [USER_NAMESPACE],
    code_compiled_at_run_time_in_a_container: [USER_NAMESPACE],
    a_lock_of_python: [PYTHON],
    the_gil_of_each_python: [PYTHON],
    programs_that_end_at_once,
    programs_of_another_user,
];

fn a_program_in_a_mount_namespace() -> Outcome {
    let directory = tempfile::tempdir()?;
    let program = waiting_program(directory.path(), "waiting", &["-g"])?;
    let inner = directory.path().join("inner");
    fs::create_dir(&inner)?;
    let script = "mount -t tmpfs none \"$1\" && cp \"$0\" \"$1\" && exec \"$1/waiting\" mutex";
    let unshare = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
    ];
    let command = unshare.map(OsStr::new);
    let arguments = [script.as_ref(), program.as_os_str(), inner.as_os_str()];
    let report = record(&[&command[..], &arguments].concat())?;
    expect(!inner.join("waiting").exists(), || {
        "the mount is visible outside of its namespace".to_owned()
    })?;
    expect_open_wait(&report, &["wants_lock", "inlined", "middle"])
}

fn code_compiled_at_run_time_in_a_container() -> Outcome {
    // Not in /tmp, over which the container mounts its own.
    let directory = tempfile::tempdir_in("/var/tmp")?;
    let program = waiting_program(directory.path(), "waiting", &["-g"])?;
    let mut container = Command::new("unshare");
    container
        .args(["--user", "--map-root-user", "--mount", "--pid", "--fork"])
        .args(["--kill-child", "sh", "-c"])
        .arg("mount -t tmpfs none /tmp && exec \"$0\" jit")
        .arg(&program);
    let report = record_beside(&mut container)?;
    expect(!Path::new("/tmp/perf-1.map").exists(), || {
        "the map is visible outside of its namespace".to_owned()
    })?;
    expect_open_wait(&report, &["wants_lock", "LazyCompile:*hot app.js:7", "jit"])
}

fn a_lock_of_python() -> Outcome {
    let script = "import threading, time\n\
                  lock = threading.Lock()\nlock.acquire()\n\
                  threading.Thread(target=lock.acquire, daemon=True).start()\n\
                  time.sleep(100)\n";
    let report = record(&["python3", "-c", script].map(OsStr::new))?;
    expect_lock(&report, "Python lock (threading.Lock, join, Event)")
}

/// The distribution's own is stripped, others are not.
fn the_gil_of_each_python() -> Outcome {
    let script = "import threading, ctypes\n\
                  threading.Thread(target=ctypes.PyDLL(None).pause).start()\n\
                  import time\ntime.sleep(100)\n";
    let distribution = "/usr/bin/python3";
    let pythons = [
        Some("python3"),
        Path::new(distribution).exists().then_some(distribution),
    ];
    for python in pythons.into_iter().flatten() {
        let report = record(&[python, "-c", script].map(OsStr::new))?;
        expect_lock(&report, "GIL")?;
    }
    Ok(())
}

/// They are over before `lock` reads the first of their samples, and so are their mappings in
/// `/proc`.
fn programs_that_end_at_once() -> Outcome {
    let script = "for _ in 1 2 3 4 5 6 7 8; do
             \"$0\" workload pthread-mutex --duration 0.001 >/dev/null || exit
         done";
    let program = lock(&[]).get_program().to_owned();
    let command = [
        "sh".as_ref(),
        "-c".as_ref(),
        script.as_ref(),
        program.as_os_str(),
    ];
    let report = record(&command)?;
    let (mut named, mut nameless) = (0, 0);
    for lock in report["locks"].as_array().ok_or("no locks")? {
        let waits = lock["waits"]["count"].as_u64().ok_or("no count")?;
        match lock["type"].as_str() {
            Some("user mutex") => named += waits,
            Some("futex") => nameless += waits,
            _ => {}
        }
    }
    expect(named >= 8 && nameless == 0, || {
        format!("{named} waits for a mutex, and {nameless} for a futex: {report:#}")
    })
}

/// One has a debug link to a pipe, the other a perf map that is a link to a file of root's.
fn programs_of_another_user() -> Outcome {
    const NOBODY: u32 = 65534;
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let path = |name: &str| directory.path().join(name);
    let program = waiting_program(directory.path(), "waiting", &["-g"])?;
    let mut link = path("pipe").into_os_string().into_encoded_bytes();
    link.resize(link.len() / 4 * 4 + 8, 0);
    fs::write(path("link"), link)?;
    fs::write(path("secret"), "1000 7fffffffffff TOP-SECRET\n")?;
    fs::set_permissions(path("secret"), fs::Permissions::from_mode(0o600))?;
    let mut add = OsString::from(".gnu_debuglink=");
    add.push(path("link"));
    let mut prepare = [Command::new("mkfifo"), Command::new("objcopy")];
    prepare[0].arg(path("pipe"));
    prepare[1].arg("--add-section").arg(add).arg(&program);
    for command in &mut prepare {
        expect(command.status()?.success(), || {
            format!("{command:?} failed")
        })?;
    }
    chown(&program, Some(NOBODY), Some(NOBODY))?;

    let recording = path("waiting.lockrec");
    let mut record = lock(&["record", "--exact", "--duration", "3", "--output"]);
    let record = Process::start(record.arg(&recording).stderr(Stdio::piped()))?;
    record.until_attached(system_wide())?;
    let start = |how: &str| {
        let mut command = Command::new(&program);
        Process::start(command.arg(how).uid(NOBODY).gid(NOBODY))
    };
    let waiting = start("jit")?;
    let map = format!("/tmp/perf-{}.map", waiting.pid());
    let deadline = Instant::now() + Duration::from_secs(20);
    while !fs::metadata(&map).is_ok_and(|map| map.len() > 0) {
        expect(Instant::now() < deadline, || format!("no {map}"))?;
        thread::sleep(Duration::from_millis(1));
    }
    fs::remove_file(&map)?;
    symlink(path("secret"), &map)?;
    let _linked = start("mutex")?;
    expect_code(&record.output()?, 0)?;
    let _ = fs::remove_file(&map);
    let report = report(&recording)?;
    expect(!report.to_string().contains("TOP-SECRET"), || {
        "a file of root's was read".to_owned()
    })?;
    expect_open_wait(&report, &["wants_lock", "inlined", "middle"])
}

/// The report of a command that waits for a lock until its recording ends.
fn record(command: &[&OsStr]) -> Result<Value, Failed> {
    let directory = tempfile::tempdir()?;
    let recording = directory.path().join("waiting.lockrec");
    let output = lock(&["record", "--exact", "--duration", "2", "--output"])
        .arg(&recording)
        .arg("--")
        .args(command)
        .output()?;
    expect_code(&output, 0)?;
    report(&recording)
}

/// The report of the whole system while a command waits: one that ignores SIGTERM, as the first
/// process of a container does.
fn record_beside(command: &mut Command) -> Result<Value, Failed> {
    let directory = tempfile::tempdir()?;
    let recording = directory.path().join("waiting.lockrec");
    let mut record = lock(&["record", "--exact", "--duration", "3", "--output"]);
    let record = Process::start(record.arg(&recording).stderr(Stdio::piped()))?;
    record.until_attached(system_wide())?;
    let _waiting = Process::start(command)?;
    expect_code(&record.output()?, 0)?;
    report(&recording)
}

fn expect_lock(report: &Value, name: &str) -> Outcome {
    let locks = report["locks"].as_array().ok_or("no locks")?;
    let found = locks
        .iter()
        .any(|lock| lock["name"] == name && lock["type"] == "user mutex");
    expect(found, || format!("no {name}: {locks:#?}"))
}

/// A wait that had not ended has these functions, from the first outside of the locking code.
fn expect_open_wait(report: &Value, functions: &[&str]) -> Outcome {
    let open = report["open"].as_array().ok_or("no open waits")?;
    let stacks = open.iter().map(|wait| callers(report, wait));
    let stacks = stacks.collect::<Result<Vec<_>, Failed>>()?;
    expect(
        stacks.iter().any(|stack| stack.starts_with(functions)),
        || format!("{functions:?} is not in {stacks:?}"),
    )
}

/// The functions of the stack of a wait, without the locking code.
fn callers<'a>(report: &'a Value, wait: &Value) -> Result<Vec<&'a str>, Failed> {
    let Some(stack) = wait["stack"].as_u64() else {
        return Ok(Vec::new());
    };
    let stack = &report["stacks"][usize::try_from(stack)?];
    let locking = usize::try_from(stack["user_locking"].as_u64().ok_or("no user_locking")?)?;
    let frames = stack["user"].as_array().ok_or("no user stack")?;
    let names = frames.iter().skip(locking).map(|frame| {
        let frame = usize::try_from(frame.as_u64().ok_or("no frame")?)?;
        Ok(report["frames"][frame]["function"].as_str().unwrap_or("-"))
    });
    names.collect()
}
