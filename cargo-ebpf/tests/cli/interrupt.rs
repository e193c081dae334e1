//! Signals: what was started ends, one line says so, and the exit code is a shell's.

use std::{
    fs,
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::sandbox::{Sandbox, package, program};

/// A test that says that it runs, and then sleeps.
const SLEEPER: &str = r#"
#[test]
fn sleeper() {
    std::fs::write(std::env::var("STARTED").unwrap(), std::process::id().to_string()).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(60));
}
"#;

/// Runs it up to where it sleeps; gives also the sleeper's process.
fn sleeping(sandbox: &Sandbox) -> (Child, u32) {
    let started = sandbox.path("started");
    let mut child = Command::new(program())
        .arg("test")
        .current_dir(sandbox.root())
        .env("STARTED", &started)
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let sleeper = wait_for("the sleeper's start", || {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            let stderr = child.stderr.as_mut().unwrap();
            stderr.read_to_string(&mut said).unwrap();
            panic!("it ended before the sleeper began, with {status}: {said}");
        }
        fs::read_to_string(&started).ok()?.parse().ok()
    });
    (child, sleeper)
}

fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "{what} did not come"
        );
        thread::sleep(Duration::from_millis(20));
    }
}

fn send(signal: i32, process: u32) {
    // SAFETY: kill takes two numbers and touches no memory.
    let sent = unsafe { libc::kill(process.cast_signed(), signal) };
    assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
}

/// A zombie has ended; nobody may have asked for its result yet.
fn has_ended(process: u32) -> Option<()> {
    match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) if !stat.contains(") Z ") => None,
        _ => Some(()),
    }
}

/// Not at once: each of its threads has to come to a stop, and until then takes signals.
fn has_stopped(process: u32) -> Option<()> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.contains(") T ").then_some(())
}

fn sleeper_project() -> Sandbox {
    Sandbox::new(&[("Cargo.toml", &package("sleeper")), ("src/lib.rs", SLEEPER)])
}

#[test]
fn a_signal_to_us_alone_ends_all_that_we_started() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let sandbox = sleeper_project();
        let (child, sleeper) = sleeping(&sandbox);
        send(signal, child.id());
        let output = child.wait_with_output().unwrap();
        wait_for("the sleeper's end", || has_ended(sleeper));
        assert_eq!(output.status.code(), Some(130), "{signal}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = stderr
            .lines()
            .filter(|line| line.starts_with("interrupted: "))
            .collect();
        assert_eq!(said.len(), 1, "{stderr}");
        assert!(!stderr.contains("error["), "{stderr}");
    }
}

#[test]
fn a_second_signal_ends_hard() {
    let sandbox = sleeper_project();
    // Stopped, it cannot follow the first signal.
    let (mut child, sleeper) = sleeping(&sandbox);
    send(libc::SIGSTOP, sleeper);
    wait_for("the sleeper's stop", || has_stopped(sleeper));
    send(libc::SIGINT, child.id());
    thread::sleep(Duration::from_millis(300));
    assert!(
        child.try_wait().unwrap().is_none(),
        "it waits for what it started"
    );
    send(libc::SIGINT, child.id());
    let status = child.wait().unwrap();
    wait_for("the sleeper's end", || has_ended(sleeper));
    // Once the programs are gone our own end may come first: either is at once.
    assert!(
        status.signal() == Some(2) || status.code() == Some(130),
        "{status}"
    );
}
