//! `cargo ebpf verify --attach`: on the kernel that runs, and in guests of the kernels
//! that are cached.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Output},
};

use serde_json::Value;
use tempfile::TempDir;
use test_support::{
    Failed, Suite, Test,
    machine::{CAPABILITIES, CGROUP, GUEST_KERNELS, GUESTS, cgroup_mount},
    tests,
};

type Checked = Result<(), Box<dyn Error>>;

type InFolder = fn(&Folder) -> Checked;

const TESTS: &[Test<InFolder>] = tests![
    what_needs_nothing_of_the_system_attaches: [CAPABILITIES],
    tracepoints_attach_without_tracefs: [CAPABILITIES],
    probes_attach_where_the_kernel_has_them: [CAPABILITIES],
    what_is_not_there_is_named: [CAPABILITIES],
    what_interferes_is_left_to_guests: [CAPABILITIES],
    what_the_loader_chooses_is_no_failure: [CAPABILITIES],
    without_the_option_nothing_is_attached: [CAPABILITIES],
    nothing_stays: [CAPABILITIES],
    no_cgroup_stays: [CAPABILITIES, CGROUP],
    a_killed_run_leaves_no_cgroup_for_long: [CAPABILITIES, CGROUP],
];

fn main() -> ExitCode {
    let mut suite = Suite::new().tests_with(TESTS, |run| {
        Folder::new()
            .and_then(|folder| run(&folder))
            .map_err(Failed::from)
    });
    for kernel in GUEST_KERNELS {
        let name = format!("guest {kernel}");
        suite = suite.test(name, &[GUESTS], move || {
            in_guest(kernel).map_err(Failed::from)
        });
    }
    suite.run()
}

fn ensure(holds: bool, what: &str, seen: &impl std::fmt::Debug) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(format!("{what}: {seen:#?}").into())
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/verify/objects")
        .join(name)
}

/// An empty folder in which the command is run: no project around it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Result<Self, Box<dyn Error>> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn verify(&self, object: &str, arguments: &[&str]) -> std::io::Result<Output> {
        Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"))
            .current_dir(self.0.path())
            .env("TMPDIR", self.0.path())
            .args(["verify", "--format", "json"])
            .args(arguments)
            .arg(fixture(object))
            .output()
    }

    /// What the first kernel named in `arguments` said of an object, and the exit code.
    fn kernel(
        &self,
        object: &str,
        arguments: &[&str],
    ) -> Result<(Kernel, Option<i32>), Box<dyn Error>> {
        let output = self.verify(object, arguments)?;
        let document = test_support::document(&output.stdout)?;
        Ok((Kernel(document["kernels"][0].clone()), output.status.code()))
    }

    fn hooks(&self) -> Result<Kernel, Box<dyn Error>> {
        Ok(self.kernel("hooks.o", &["--attach"])?.0)
    }
}

/// One kernel's part of the report.
struct Kernel(Value);

impl Kernel {
    /// Major and minor number.
    fn version(&self) -> Result<(u32, u32), Box<dyn Error>> {
        let release = self.0["release"].as_str().ok_or("it did not come up")?;
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        let mut next = || numbers.next().unwrap_or_default().parse::<u32>();
        Ok((next()?, next()?))
    }

    fn program(&self, name: &str) -> Result<&Value, Box<dyn Error>> {
        self.0["objects"][0]["programs"]
            .as_array()
            .and_then(|programs| programs.iter().find(|program| program["name"] == name))
            .ok_or_else(|| format!("no program {name} in {:#}", self.0).into())
    }

    /// `attached`, `refused`, `not-tried`; the verdict where it did not load.
    fn result(&self, name: &str) -> Result<&str, Box<dyn Error>> {
        let program = self.program(name)?;
        let result = &program["attach"]["result"];
        let verdict = &program["verdict"];
        let told = if result.is_null() { verdict } else { result };
        told.as_str().ok_or_else(|| "no verdict".into())
    }

    /// That each is `wanted`; those that this kernel has no place for are passed over.
    fn all(&self, wanted: &str, names: &[&str]) -> Checked {
        let mut seen = 0;
        for name in names {
            match self.result(name)? {
                "unsupported" => {}
                result => {
                    ensure(result == wanted, wanted, self.program(name)?)?;
                    seen += 1;
                }
            }
        }
        ensure(seen > 0, "the kernel has a place for one of them", &names)
    }

    fn because(&self, name: &str, cause: &str) -> Checked {
        let why = &self.program(name)?["attach"]["why"];
        let said = why["cause"].as_str().unwrap_or_default();
        ensure(said.contains(cause), cause, why)
    }
}

/// What is attached to something that was made for it, or only to this process.
const OWN_PLACES: [&str; 21] = [
    "on_cgroup_connect",
    "on_cgroup_device",
    "on_cgroup_egress",
    "on_cgroup_getsockopt",
    "on_cgroup_ingress",
    "on_cgroup_sock",
    "on_cgroup_sysctl",
    "on_flow_dissector",
    "on_iterator",
    "on_netfilter",
    "on_perf_event",
    "on_sk_lookup",
    "on_sk_msg",
    "on_sk_reuseport",
    "on_sock_ops",
    "on_socket",
    "on_stream_parser",
    "on_stream_verdict",
    "on_xdp",
    "on_raw_tracepoint",
    "on_btf_tracepoint",
];

fn what_needs_nothing_of_the_system_attaches(folder: &Folder) -> Checked {
    let kernel = folder.hooks()?;
    kernel.all("attached", &OWN_PLACES)?;
    if kernel.version()? >= (6, 6) {
        kernel.all("attached", &["on_classifier", "on_tcx_egress"])?;
    }
    Ok(())
}

fn tracepoints_attach_without_tracefs(folder: &Folder) -> Checked {
    folder.hooks()?.all("attached", &["on_tracepoint"])
}

fn probes_attach_where_the_kernel_has_them(folder: &Folder) -> Checked {
    let kernel = folder.hooks()?;
    let has = |kind: &str| {
        Path::new("/sys/bus/event_source/devices")
            .join(kind)
            .exists()
    };
    for (kind, names) in [
        ("kprobe", ["on_kprobe", "on_kretprobe"]),
        ("uprobe", ["on_uprobe", "on_uretprobe"]),
    ] {
        if has(kind) {
            kernel.all("attached", &names)?;
        } else {
            kernel.all("refused", &names)?;
            for name in names {
                kernel.because(name, "this kernel does not support ")?;
            }
        }
    }
    Ok(())
}

fn what_is_not_there_is_named(folder: &Folder) -> Checked {
    let (kernel, code) = folder.kernel("hooks.o", &["--attach"])?;
    ensure(code == Some(1), "exit code", &code)?;
    says_absent(&kernel)?;
    // As a person sees it.
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-ebpf"))
        .current_dir(folder.0.path())
        .args(["verify", "--attach"])
        .arg(fixture("hooks.o"))
        .output()?;
    let shown = String::from_utf8(output.stdout)?;
    for part in [
        "attached ",
        "loads, attach rejected",
        "loads, attach not tried",
        "error[attach-refused]: `no_raw_tracepoint`: loaded, but could not be attached",
        "warning[attach-not-tried]: `unnamed_tracepoint`",
    ] {
        ensure(shown.contains(part), part, &shown)?;
    }
    Ok(())
}

fn says_absent(kernel: &Kernel) -> Checked {
    kernel.all(
        "refused",
        &[
            "no_tracepoint",
            "no_raw_tracepoint",
            "no_kprobe",
            "no_uprobe",
        ],
    )?;
    kernel.because("no_tracepoint", "no tracepoint `sched:no_such_tracepoint`")?;
    kernel.because("no_raw_tracepoint", "no tracepoint `no_such_tracepoint`")?;
    kernel.because("no_uprobe", "no function `no_such_function`")?;
    kernel.all("not-tried", &["no_library"])?;
    kernel.because(
        "no_library",
        "the file `no-such-library.so.1` does not exist",
    )
}

fn what_interferes_is_left_to_guests(folder: &Folder) -> Checked {
    let kernel = folder.hooks()?;
    kernel.all("not-tried", &["signals", "on_writable_tracepoint"])?;
    kernel.because("signals", "it can send signals")
}

fn what_the_loader_chooses_is_no_failure(folder: &Folder) -> Checked {
    let (kernel, code) = folder.kernel("legacy.o", &["--attach"])?;
    ensure(code == Some(0), "exit code", &code)?;
    kernel.all("not-tried", &["on_switch"])?;
    kernel.because("on_switch", "the loader chooses it")
}

fn without_the_option_nothing_is_attached(folder: &Folder) -> Checked {
    let (kernel, code) = folder.kernel("tracing.o", &[])?;
    ensure(code == Some(0), "exit code", &code)?;
    let program = kernel.program("sys_enter")?;
    ensure(program["attach"].is_null(), "nothing of it", program)?;
    let (kernel, code) = folder.kernel("tracing.o", &["--attach"])?;
    ensure(code == Some(0), "exit code", &code)?;
    kernel.all("attached", &["sys_enter", "sched_switch"])
}

/// The cgroup that this process is in, where version 2 is mounted.
fn own_cgroup() -> Result<PathBuf, Box<dyn Error>> {
    let mount = cgroup_mount().ok_or("no cgroup2 is mounted")?;
    let cgroups = fs::read_to_string("/proc/self/cgroup")?;
    let own = cgroups.lines().find_map(|line| line.strip_prefix("0::/"));
    Ok(mount.join(own.ok_or("this process is in no cgroup of version 2")?))
}

fn left_over(cgroup: &Path) -> std::io::Result<Vec<String>> {
    let names = fs::read_dir(cgroup)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    let names: Vec<_> = names.collect::<Result<_, _>>()?;
    let ours = |name: &String| name.starts_with("cargo-ebpf-attach-");
    Ok(names.into_iter().filter(ours).collect())
}

fn nothing_stays(folder: &Folder) -> Checked {
    let tracing_mounts = || -> std::io::Result<usize> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        Ok(mounts.matches("tracefs").count() + mounts.matches("cgroup2").count())
    };
    let before = tracing_mounts()?;
    folder.hooks()?;
    ensure(tracing_mounts()? == before, "no mount", &before)
}

fn no_cgroup_stays(folder: &Folder) -> Checked {
    folder.hooks()?;
    let cgroup = own_cgroup()?;
    // The tests beside this one have theirs for a moment.
    for _ in 0..100 {
        if left_over(&cgroup)?.is_empty() {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    ensure(false, "no cgroup", &left_over(&cgroup)?)
}

/// As a killed run would leave it: a folder that nobody has locked.
fn a_killed_run_leaves_no_cgroup_for_long(folder: &Folder) -> Checked {
    let abandoned = own_cgroup()?.join("cargo-ebpf-attach-0");
    fs::create_dir(&abandoned)?;
    folder.hooks()?;
    ensure(!abandoned.exists(), "the next run removes it", &abandoned)
}

/// A guest has kprobes and trampolines, and nobody to disturb.
fn in_guest(image: &str) -> Checked {
    let folder = Folder::new()?;
    let (kernel, code) = folder.kernel("hooks.o", &["--attach", "--kernel", image])?;
    let version = kernel.version()?;
    ensure(code == Some(1), "exit code", &code)?;
    kernel.all("attached", &OWN_PLACES)?;
    says_absent(&kernel)?;
    kernel.because("no_kprobe", "no function `no_such_function`")?;
    let everywhere = [
        "on_tracepoint",
        "on_function_entry",
        "on_function_exit",
        "on_function_result",
        "on_security_hook",
        "on_kprobe",
        "on_kretprobe",
        "on_system_call",
        "on_uprobe",
        "on_uretprobe",
        "on_writable_tracepoint",
        "signals",
    ];
    for name in everywhere {
        ensure(
            kernel.result(name)? == "attached",
            "attached in a guest",
            kernel.program(name)?,
        )?;
    }
    // Debian's kernels have CONFIG_FPROBE from 6.12 on at the latest.
    for (name, since, always_from) in [
        ("on_kprobes", (5, 18), (6, 12)),
        ("on_kretprobes", (5, 18), (6, 12)),
        ("on_uprobes", (6, 6), (6, 6)),
        ("on_tcx_egress", (6, 6), (6, 6)),
    ] {
        if version >= always_from {
            kernel.all("attached", &[name])?;
        } else {
            kernel.all("refused", &[name])?;
            let cause = if version < since {
                "came with Linux"
            } else {
                "built without"
            };
            kernel.because(name, cause)?;
        }
    }
    let (classifier, wanted) = ("on_classifier", version >= (6, 6));
    kernel.all(if wanted { "attached" } else { "not-tried" }, &[classifier])?;
    if !wanted {
        kernel.because(classifier, "guests do not load")?;
    }
    if version >= (6, 0) {
        kernel.all("attached", &["on_cgroup_security_hook"])?;
    }
    Ok(())
}
