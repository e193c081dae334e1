//! `lock` on the running kernel: programs are loaded and attached, and what they report
//! is held against what is known from elsewhere.
//!
//! Where they cannot be loaded (no root, no BTF, ...) tests show as ignored, with the
//! sentence that `lock` itself gives for it.

use std::{
    collections::BTreeSet,
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Child, Command, ExitCode, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::Value;

const LOCK: &str = env!("CARGO_BIN_EXE_lock");

/// Refusals that are a matter of the machine, not of `lock`.
const REFUSALS: [&str; 4] = [
    "error[no-rights]",
    "error[no-kernel-btf]",
    "error[no-lock-tracepoints]",
    "error[object-stub]",
];

/// The uid and gid of nobody, who has no rights at all.
const NOBODY: u32 = 65534;

type Test = fn() -> Result<Completion, Failed>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let on_kernel: &[(&str, Test)] = &[
        (
            "counts_agree_with_the_workload",
            counts_agree_with_the_workload,
        ),
        ("grandchildren_are_followed", grandchildren_are_followed),
        (
            "pid_records_that_process_only",
            pid_records_that_process_only,
        ),
        (
            "the_system_wide_account_holds",
            the_system_wide_account_holds,
        ),
        ("signals_end_with_the_report", signals_end_with_the_report),
        ("kill_leaves_nothing_attached", kill_leaves_nothing_attached),
        (
            "a_failed_command_passes_on_its_code",
            a_failed_command_passes_on_its_code,
        ),
        ("a_missing_command_is_said", a_missing_command_is_said),
        (
            "the_duration_ends_the_command",
            the_duration_ends_the_command,
        ),
        (
            "the_output_file_is_whole_or_untouched",
            the_output_file_is_whole_or_untouched,
        ),
        ("a_closed_pipe_is_no_error", a_closed_pipe_is_no_error),
        (
            "two_at_once_do_not_disturb_each_other",
            two_at_once_do_not_disturb_each_other,
        ),
    ];
    let anywhere: &[(&str, Test)] = &[
        (
            "a_process_that_is_not_there_is_said",
            a_process_that_is_not_there_is_said,
        ),
        (
            "a_pid_and_a_command_are_wrong_usage",
            a_pid_and_a_command_are_wrong_usage,
        ),
        ("without_rights_it_says_so", without_rights_it_says_so),
    ];
    let refusal = refusal();
    let trials = on_kernel
        .iter()
        .map(|&(name, test)| {
            let refusal = refusal.clone();
            Trial::ignorable_test(name, move || match refusal {
                Some(reason) => Ok(Completion::ignored_with(reason)),
                None => test(),
            })
        })
        .chain(
            anywhere
                .iter()
                .map(|&(name, test)| Trial::ignorable_test(name, test)),
        )
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Why this machine cannot record, if so.
fn refusal() -> Option<String> {
    let output = lock(&["record", "--duration", "0.01"]).output().ok()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    REFUSALS
        .iter()
        .any(|refusal| stderr.starts_with(refusal))
        .then(|| stderr.lines().map(str::trim).collect::<Vec<_>>().join("; "))
}

fn lock(arguments: &[&str]) -> Command {
    let mut command = Command::new(LOCK);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Fails with what `lock` wrote, unless it ended with this code.
fn expect_code(output: &Output, code: i32) -> Result<(), Failed> {
    if output.status.code() == Some(code) {
        return Ok(());
    }
    Err(format!(
        "{} instead of exit code {code}\nstdout: {}\nstderr: {}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}

fn expect(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if condition {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}

fn expect_stderr(output: &Output, text: &str) -> Result<(), Failed> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    expect(stderr.contains(text), || {
        format!("no {text:?} in {stderr:?}")
    })
}

fn number(document: &Value, pointer: &str) -> Result<u64, Failed> {
    document
        .pointer(pointer)
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("no number {pointer} in {document:#}").into())
}

/// The begin of every wait is in one place, and none was lost.
fn expect_account(report: &Value) -> Result<(), Failed> {
    let lost = ["map_full", "map_busy", "nested", "end_not_seen"]
        .iter()
        .map(|cause| number(report, &format!("/events/lost/{cause}")))
        .sum::<Result<u64, _>>()?;
    let explained = number(report, "/events/repeats")?
        + number(report, "/events/reported")?
        + number(report, "/events/still_waiting")?
        + lost;
    let begins = number(report, "/events/begins")?;
    expect(
        begins == explained && report.pointer("/events/account_holds") == Some(&Value::Bool(true)),
        || format!("the account does not hold: {report:#}"),
    )
}

/// Holds a report against what the workload says of itself.
///
/// Counts are equal, except that a call of which the workload is unsure may be in the
/// report or not. The kernel's waits lie within the workload's, which also have the way
/// into the system call and back: some microseconds of some milliseconds, and once in a
/// while a preemption on the way, which is why the bound is 5 %. Seen: 0.1 to 0.4 %.
fn expect_agreement(report: &Value, truth: &Value) -> Result<(), Failed> {
    expect_account(report)?;
    let sites = report.pointer("/sites").and_then(Value::as_array);
    let site = sites
        .into_iter()
        .flatten()
        .find(|site| {
            site["type"] == "mutex"
                // Linux before 6.? has it as __fdget_pos.
                && site["caller"].as_str().is_some_and(|name| name.ends_with("fdget_pos"))
        })
        .ok_or_else(|| format!("no mutex in fdget_pos: {report:#}"))?;
    let (count, waits) = (number(site, "/count")?, number(truth, "/waits")?);
    let unsure = number(truth, "/unsure")?;
    expect(waits >= 20, || format!("too few waits to tell: {truth:#}"))?;
    expect((waits..=waits + unsure).contains(&count), || {
        format!("{count} waits reported: {truth:#}")
    })?;
    let (reported, total) = (number(site, "/total_ns")?, number(truth, "/total_ns")?);
    expect(
        unsure > 0 || (reported <= total && reported >= total - total / 20),
        || format!("{reported} ns reported of {total} ns"),
    )?;
    println!(
        "{count} waits of {waits} ({unsure} unsure), {reported} ns of {total} ns: {:.3} % less",
        100.0 - reported as f64 * 100.0 / total as f64
    );
    Ok(())
}

fn read_json(path: &Path) -> Result<Value, Failed> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

fn counts_agree_with_the_workload() -> Result<Completion, Failed> {
    record_workload(&[LOCK, "workload", "--duration", "2", "--format", "json"])
}

fn grandchildren_are_followed() -> Result<Completion, Failed> {
    let script = format!("( {LOCK} workload --duration 1 --waiters 7 --format json & wait )");
    record_workload(&["sh", "-c", &script])
}

fn record_workload(command: &[&str]) -> Result<Completion, Failed> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report.json");
    let output = lock(&["record", "--format", "json", "--output"])
        .arg(&file)
        .arg("--")
        .args(command)
        .output()?;
    expect_code(&output, 0)?;
    expect_agreement(&read_json(&file)?, &serde_json::from_slice(&output.stdout)?)?;
    Ok(Completion::Completed)
}

/// A process that is killed when the test is over.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn start(command: &mut Command) -> Result<Self, Failed> {
        Ok(Self(command.spawn()?))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn signal(&self, signal: i32) {
        // SAFETY: takes integers; the child has not been waited for.
        unsafe { libc::kill(self.pid() as i32, signal) };
    }

    /// Waits for the end and takes what was written.
    fn output(mut self) -> Result<Output, Failed> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        if let Some(mut pipe) = self.0.stdout.take() {
            pipe.read_to_end(&mut stdout)?;
        }
        if let Some(mut pipe) = self.0.stderr.take() {
            pipe.read_to_end(&mut stderr)?;
        }
        Ok(Output {
            status: self.0.wait()?,
            stdout,
            stderr,
        })
    }

    /// Values of a field in what the kernel tells about the process's descriptors.
    fn descriptors(&self, field: &str) -> Vec<u32> {
        let folder = format!("/proc/{}/fdinfo", self.pid());
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path()).ok())
            .filter_map(|info| {
                let value = info.lines().find_map(|line| line.strip_prefix(field))?;
                value.trim().parse().ok()
            })
            .collect()
    }

    /// Waits until this many programs are attached.
    fn until_attached(&self, programs: usize) -> Result<(), Failed> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.descriptors("link_id:").len() < programs {
            expect(Instant::now() < deadline, || {
                format!(
                    "not attached after 30 s: {:?}",
                    self.descriptors("link_id:")
                )
            })?;
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

/// Programs of a recording of the whole system, and of one with a filter.
const SYSTEM_WIDE: usize = 2;
const FILTERED: usize = 4;

fn pid_records_that_process_only() -> Result<Completion, Failed> {
    // A child of the recorded process makes waits whose number is known; another process
    // makes the same kind of waits meanwhile.
    let script = format!("read go; {LOCK} workload --duration 1 --format json");
    let mut recorded = Process::start(
        Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped()),
    )?;
    let _other = Process::start(lock(&["workload", "--duration", "60"]).stdout(Stdio::null()))?;
    let record = Process::start(
        lock(&["record", "--format", "json", "--pid"])
            .arg(recorded.pid().to_string())
            .stdout(Stdio::piped()),
    )?;
    record.until_attached(FILTERED)?;
    let mut go = recorded.0.stdin.take().ok_or("no pipe")?;
    go.write_all(b"\n")?;
    let truth = recorded.output()?;
    // It ends because the process did.
    let report = record.output()?;
    expect_code(&report, 0)?;
    expect_agreement(
        &serde_json::from_slice(&report.stdout)?,
        &serde_json::from_slice(&truth.stdout)?,
    )?;
    Ok(Completion::Completed)
}

fn the_system_wide_account_holds() -> Result<Completion, Failed> {
    // Recording begins and ends in the middle of waits.
    let _one = Process::start(lock(&["workload", "--duration", "60"]).stdout(Stdio::null()))?;
    let _two = Process::start(
        lock(&[
            "workload",
            "--duration",
            "60",
            "--waiters",
            "30",
            "--hold",
            "1",
        ])
        .stdout(Stdio::null()),
    )?;
    for _ in 0..5 {
        let output = lock(&["record", "--format", "json", "--duration", "0.3"]).output()?;
        expect_code(&output, 0)?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        expect_account(&report)?;
        expect(number(&report, "/events/reported")? > 10, || {
            format!("too few waits to tell: {report:#}")
        })?;
    }
    Ok(Completion::Completed)
}

fn signals_end_with_the_report() -> Result<Completion, Failed> {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let record = Process::start(lock(&["record"]).stdout(Stdio::piped()))?;
        record.until_attached(SYSTEM_WIDE)?;
        record.signal(signal);
        let output = record.output()?;
        expect_code(&output, 0)?;
        let report = String::from_utf8_lossy(&output.stdout);
        expect(report.contains("Hooks: the BTF tracepoints"), || {
            format!("no report after signal {signal}: {report}")
        })?;
    }
    Ok(Completion::Completed)
}

/// The numbers of all programs in the kernel.
fn loaded_programs() -> Result<BTreeSet<u32>, Failed> {
    let programs = aya::programs::loaded_programs();
    Ok(programs
        .map(|program| program.map(|program| program.id()))
        .collect::<Result<_, _>>()?)
}

fn kill_leaves_nothing_attached() -> Result<Completion, Failed> {
    let record = Process::start(&mut lock(&["record", "--", "sleep", "60"]))?;
    record.until_attached(FILTERED)?;
    let ours: BTreeSet<u32> = record.descriptors("prog_id:").into_iter().collect();
    expect(ours.len() == FILTERED, || format!("programs: {ours:?}"))?;
    expect(ours.is_subset(&loaded_programs()?), || {
        "they are not loaded".to_owned()
    })?;
    // The command would outlive the test.
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", record.pid()))
        .unwrap_or_default();
    drop(record); // SIGKILL
    for child in children.split_whitespace().flat_map(str::parse) {
        // SAFETY: takes integers. The child slept 60 s, so that the number is its own.
        unsafe { libc::kill(child, libc::SIGKILL) };
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let left: Vec<u32> = loaded_programs()?.intersection(&ours).copied().collect();
        if left.is_empty() {
            return Ok(Completion::Completed);
        }
        expect(Instant::now() < deadline, || {
            format!("still loaded: {left:?}")
        })?;
        thread::sleep(Duration::from_millis(20));
    }
}

fn a_failed_command_passes_on_its_code() -> Result<Completion, Failed> {
    let output = lock(&["record", "--", "sh", "-c", "exit 7"]).output()?;
    expect_code(&output, 7)?;
    expect_stderr(
        &output,
        "error[command-failed]: the command ended with exit status: 7",
    )?;
    let report = String::from_utf8_lossy(&output.stdout);
    expect(report.contains("Hooks: "), || {
        format!("no report: {report}")
    })?;
    let output = lock(&["record", "--", "sh", "-c", "kill -USR1 $$"]).output()?;
    expect_code(&output, 128 + libc::SIGUSR1)?;
    Ok(Completion::Completed)
}

fn a_missing_command_is_said() -> Result<Completion, Failed> {
    let output = lock(&["record", "--", "/no/such/command"]).output()?;
    expect_code(&output, 127)?;
    expect_stderr(
        &output,
        "error[command-not-found]: the command /no/such/command could not",
    )?;
    let output = lock(&["record", "--", "/"]).output()?;
    expect_code(&output, 126)?;
    Ok(Completion::Completed)
}

fn the_duration_ends_the_command() -> Result<Completion, Failed> {
    let began = Instant::now();
    let output = lock(&["record", "--duration", "0.2", "--", "sleep", "60"]).output()?;
    expect_code(&output, 0)?;
    expect(began.elapsed() < Duration::from_secs(30), || {
        format!("it took {:?}", began.elapsed())
    })?;
    Ok(Completion::Completed)
}

fn the_output_file_is_whole_or_untouched() -> Result<Completion, Failed> {
    let folder = tempfile::tempdir()?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4k", "lock-test"])
        .arg(folder.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        return Ok(Completion::ignored_with(
            "no small file system could be mounted",
        ));
    }
    let tested = on_a_full_disk(folder.path());
    let unmounted = Command::new("umount").arg(folder.path()).status()?;
    tested?;
    expect(unmounted.success(), || "umount failed".to_owned())?;
    Ok(Completion::Completed)
}

/// On a file system with room for one page.
fn on_a_full_disk(folder: &Path) -> Result<(), Failed> {
    let file = folder.join("report");
    let record = || {
        lock(&["record", "--duration", "0.05", "--output"])
            .arg(&file)
            .output()
    };
    expect_code(&record()?, 0)?;
    let whole = fs::read_to_string(&file)?;
    expect(whole.contains("Hooks: "), || format!("no report: {whole}"))?;
    // The page is taken: a new report does not fit beside the old one.
    let output = record()?;
    expect_code(&output, 1)?;
    expect_stderr(&output, "error[disk-full]: could not write ")?;
    expect(fs::read_to_string(&file)? == whole, || {
        "the old report is gone".to_owned()
    })?;
    let entries = fs::read_dir(folder)?.count();
    expect(entries == 1, || format!("{entries} files are left"))
}

fn a_closed_pipe_is_no_error() -> Result<Completion, Failed> {
    let mut record = Process::start(
        lock(&["record", "--duration", "0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )?;
    drop(record.0.stdout.take());
    let output = record.output()?;
    expect_code(&output, 0)?;
    expect(output.stderr.is_empty(), || format!("{output:?}"))?;
    Ok(Completion::Completed)
}

fn two_at_once_do_not_disturb_each_other() -> Result<Completion, Failed> {
    let other = Process::start(lock(&["record"]).stdout(Stdio::null()))?;
    other.until_attached(SYSTEM_WIDE)?;
    counts_agree_with_the_workload()
}

fn a_process_that_is_not_there_is_said() -> Result<Completion, Failed> {
    // Above the largest number that a kernel can be set to (PID_MAX_LIMIT, 2^22).
    let output = lock(&["record", "--pid", "5000000"]).output()?;
    if String::from_utf8_lossy(&output.stderr).starts_with("error[object-stub]") {
        return Ok(Completion::ignored_with("built without the eBPF object"));
    }
    expect_code(&output, 1)?;
    expect_stderr(
        &output,
        "error[no-such-process]: there is no process 5000000",
    )?;
    Ok(Completion::Completed)
}

fn a_pid_and_a_command_are_wrong_usage() -> Result<Completion, Failed> {
    let output = lock(&["record", "--pid", "1", "--", "true"]).output()?;
    expect_code(&output, 2)?;
    Ok(Completion::Completed)
}

fn without_rights_it_says_so() -> Result<Completion, Failed> {
    // Nobody may not be allowed into the folder of the build.
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let copy = folder.path().join("lock");
    fs::copy(LOCK, &copy)?;
    let mut command = Command::new(&copy);
    command.args(["record", "--duration", "0.1"]);
    // SAFETY: has no preconditions.
    if unsafe { libc::geteuid() } == 0 {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            return Ok(Completion::ignored_with(format!(
                "lock cannot be run as nobody: {error}"
            )));
        }
    };
    if String::from_utf8_lossy(&output.stderr).starts_with("error[object-stub]") {
        return Ok(Completion::ignored_with("built without the eBPF object"));
    }
    expect_code(&output, 1)?;
    expect_stderr(
        &output,
        "error[no-rights]: recording needs the rights CAP_BPF and",
    )?;
    expect_stderr(&output, "fix: run it as `sudo lock ...`")?;
    Ok(Completion::Completed)
}
