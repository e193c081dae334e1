//! A machine that changes while it is recorded.

use std::{
    fs,
    io::Write as _,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};
use test_support::{Outcome, Test, skip, tests};

use crate::{
    expect::{expect, expect_code, number},
    process::{LOCK, Process, filtered, lock, report},
    truth::{expect_account, expect_truth},
};

/// On a kernel that can be recorded.
pub(crate) const TESTS: &[Test<fn() -> Outcome>] =
    tests![a_clock_that_is_set_changes_no_wait, a_cpu_can_go_offline];

/// CLOCK_REALTIME less CLOCK_MONOTONIC, in nanoseconds.
fn clock_offset() -> i128 {
    let read = |clock| {
        // SAFETY: timespec is plain data, for which zero is a value.
        let mut time: libc::timespec = unsafe { std::mem::zeroed() };
        // SAFETY: writes one timespec.
        unsafe { libc::clock_gettime(clock, &raw mut time) };
        i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
    };
    read(libc::CLOCK_REALTIME) - read(libc::CLOCK_MONOTONIC)
}

/// Sets CLOCK_REALTIME to this much later than it was. False if that is not permitted.
fn set_clock(offset: i128, later: Duration) -> bool {
    let now = clock_offset();
    let step = offset + later.as_nanos().cast_signed() - now;
    // SAFETY: timespec is plain data, for which zero is a value.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: writes one timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    let set = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec) + step;
    time.tv_sec = (set / 1_000_000_000) as i64;
    time.tv_nsec = (set % 1_000_000_000) as i64;
    // SAFETY: reads one timespec.
    unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &raw const time) == 0 }
}

/// Sets the clock back to what it was, however the test ends.
struct Clock(i128);

impl Drop for Clock {
    fn drop(&mut self) {
        set_clock(self.0, Duration::ZERO);
    }
}

fn a_clock_that_is_set_changes_no_wait() -> Outcome {
    // Programs beside this one see it, too: no more than two seconds forth and back.
    const STEP: Duration = Duration::from_secs(2);
    let clock = Clock(clock_offset());
    if !set_clock(clock.0, Duration::ZERO) {
        return Err(skip("clock", "the clock may not be set here"));
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("run.lock");
    let began = Instant::now();
    let record = Process::start(
        lock(&["record", "--exact", "--output"])
            .arg(&file)
            .args(["--", LOCK, "workload", "pthread-mutex", "--duration", "1.2"])
            .args(["--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    record.until_attached(filtered())?;
    for later in [STEP, Duration::ZERO, STEP] {
        thread::sleep(Duration::from_millis(200));
        set_clock(clock.0, later);
    }
    let output = record.output()?;
    let took = began.elapsed();
    drop(clock);
    expect_code(&output, 0)?;
    let report = report(&file)?;
    expect_truth(&report, &serde_json::from_slice(&output.stdout)?)?;
    let duration = Duration::from_nanos(number(&report, "/duration_ns")?);
    expect(duration <= took, || {
        format!("{duration:?} were recorded in {took:?}")
    })?;
    // Each wait is within the recording, on the clock that only goes forth.
    let from = number(&report, "/started_ns")?;
    let until = from + number(&report, "/duration_ns")?;
    for wait in report["longest"].as_array().ok_or("no longest waits")? {
        let (start, wait) = (number(wait, "/start_ns")?, number(wait, "/wait_ns")?);
        expect(start >= from && start + wait <= until, || {
            format!("a wait from {start} for {wait} ns, recorded from {from} to {until}")
        })?;
    }
    Ok(())
}

/// Brings the CPU back, however the test ends.
struct Online(&'static str);

impl Drop for Online {
    fn drop(&mut self) {
        let _ = fs::write(self.0, "1");
    }
}

fn a_cpu_can_go_offline() -> Outcome {
    const CPU: &str = "/sys/devices/system/cpu/cpu1/online";
    const ASKED: &str = "LOCK_TEST_CPU_OFFLINE";
    if std::env::var_os(ASKED).is_none() {
        return Err(skip(
            "cpu-offline",
            format!("it takes a CPU from everybody on the machine: only with {ASKED}=1"),
        ));
    }
    let writable = fs::OpenOptions::new().write(true).open(CPU);
    let Ok(mut switch) = writable else {
        return Err(skip("cpu-offline", format!("{CPU} is not writable")));
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("run.lock");
    let record = Process::start(
        lock(&["record", "--exact", "--output"])
            .arg(&file)
            .args(["--", LOCK, "workload", "pthread-mutex", "--duration", "1.5"])
            .args(["--format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    record.until_attached(filtered())?;
    thread::sleep(Duration::from_millis(300));
    let online = Online(CPU);
    if let Err(error) = switch.write_all(b"0") {
        return Err(skip(
            "cpu-offline",
            format!("the CPU did not go offline: {error}"),
        ));
    }
    thread::sleep(Duration::from_millis(300));
    drop(online);
    let output = record.output()?;
    expect(fs::read_to_string(CPU)?.trim() == "1", || {
        "the CPU did not come back".to_owned()
    })?;
    expect_code(&output, 0)?;
    let report = report(&file)?;
    // What was counted on the CPU before it went is not lost.
    expect_account(&report)?;
    expect_truth(&report, &serde_json::from_slice(&output.stdout)?)?;
    Ok(())
}
