//! `setup` building a linker: with a cargo that is made up where only our own part is
//! tried, with the real one where its words matter.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use crate::{
    linkers::cached_at,
    processes::{send, start, wait_for},
    sandbox::{Project, command, finish, names_in, run, script, tools},
};

/// A cache of its own, and a cargo that does what a script says.
struct Machine {
    folder: tempfile::TempDir,
}

/// Takes a second, and installs the linker that is there into `--root`.
const INSTALLS: &str = "sleep 1\n\
    while [ \"$1\" != --root ]; do shift; done\n\
    mkdir -p \"$2/bin\" && cp \"$LINKER\" \"$2/bin/bpf-linker\"";

impl Machine {
    fn new(cargo: &str) -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let started = machine.path("started");
        fs::write(&started, "").unwrap();
        let text = format!("echo started >> '{}'\n{cargo}", started.display());
        script(&machine.path("cargo"), &text);
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn setup(&self) -> Command {
        let mut setup = command(env!("CARGO_BIN_EXE_cargo-ebpf"));
        setup
            .arg("setup")
            .current_dir(self.folder.path())
            .env("RUSTC", &tools().unwrap().rustc)
            .env("CARGO", self.path("cargo"))
            .env("LINKER", &tools().unwrap().linker)
            .env("XDG_CACHE_HOME", self.path("cache"));
        setup
    }

    /// How often its cargo was started.
    fn started(&self) -> usize {
        let started = fs::read_to_string(self.path("started")).unwrap();
        started.lines().count()
    }

    fn entries(&self) -> Vec<String> {
        names_in(&self.path("cache/cargo-ebpf/linkers"))
    }

    fn assert_whole(&self) {
        let entry = cached_at(&self.path("cache"));
        let whole = fs::read(&tools().unwrap().linker).unwrap();
        assert!(fs::read(entry).unwrap() == whole, "not the whole linker");
        assert_eq!(self.entries().len(), 1);
    }
}

pub(crate) fn two_setups_at_once_build_once(_: &Project) {
    let machine = Machine::new(INSTALLS);
    let both = [machine.setup(), machine.setup()].map(|mut setup| setup.spawn().unwrap());
    for setup in both {
        finish(setup, "setup").exits(0).says("this machine builds");
    }
    assert_eq!(machine.started(), 1);
    machine.assert_whole();
    run(&mut machine.setup()).exits(0).says("nothing to do");
}

pub(crate) fn a_killed_setup_leaves_no_linker(_: &Project) {
    let machine = Machine::new(INSTALLS);
    let setup = start(&mut machine.setup());
    wait_for("cargo", || (machine.started() == 1).then_some(()));
    send(libc::SIGKILL, &setup);
    finish(setup, "setup");
    assert_eq!(machine.entries(), [""; 0]);

    run(&mut machine.setup()).exits(0);
    machine.assert_whole();
}

pub(crate) fn an_interrupted_setup_leaves_no_linker(_: &Project) {
    let machine = Machine::new(INSTALLS);
    let setup = start(&mut machine.setup());
    wait_for("cargo", || (machine.started() == 1).then_some(()));
    send(libc::SIGINT, &setup);
    let ran = finish(setup, "setup").exits(130).keeps_silent("error");
    assert_eq!(ran.stderr.matches("interrupted: ").count(), 1);
    // Had the made-up cargo gone on, it would be ready by now.
    thread::sleep(Duration::from_millis(1200));
    assert_eq!(machine.entries(), [""; 0]);

    run(&mut machine.setup()).exits(0);
    machine.assert_whole();
}

pub(crate) fn a_damaged_linker_is_built_anew(_: &Project) {
    let machine = Machine::new(INSTALLS);
    script(&cached_at(&machine.path("cache")), "exit 1");
    run(&mut machine.setup())
        .exits(0)
        .warns("linker-mismatch", "bpf-linker");
    assert_eq!(machine.started(), 1);
    machine.assert_whole();
}

pub(crate) fn what_cargo_says_of_a_full_disk_is_understood(_: &Project) {
    let machine = Machine::new("echo 'error: No space left on device (os error 28)' >&2\nexit 101");
    run(&mut machine.setup()).refuses("disk-full", "bpf-linker");
    assert_eq!(machine.entries(), [""; 0]);
}

/// A linker that does not link what the compiler makes is not kept, though cargo has
/// built it.
pub(crate) fn a_linker_that_was_built_wrong_is_not_kept(_: &Project) {
    let machine = Machine::new(
        "while [ \"$1\" != --root ]; do shift; done\n\
         mkdir -p \"$2/bin\" && cp /bin/false \"$2/bin/bpf-linker\"",
    );
    run(&mut machine.setup()).refuses("linker-mismatch", "bpf-linker");
    assert_eq!(machine.entries(), [""; 0]);
}

pub(crate) fn a_full_disk_is_said(_: &Project) {
    let cache = tempfile::tempdir().unwrap();
    // The cache is gone with its namespace, so it is looked at inside.
    let in_namespace = "mount -t tmpfs -o size=1m none \"$XDG_CACHE_HOME\" || exit 3\n\
        \"$@\"; code=$?; ls \"$XDG_CACHE_HOME\"/cargo-ebpf/linkers/* && exit 4; exit $code";
    run(&mut unshare("--mount", in_namespace, cache.path())).refuses("disk-full", "bpf-linker");
}

pub(crate) fn no_network_is_said(_: &Project) {
    let cache = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut setup = unshare("--net", "exec \"$@\"", cache.path());
    // Crates that were downloaded before need no network.
    run(setup.env("CARGO_HOME", home.path())).refuses("no-network", "bpf-linker");
    assert_eq!(names_in(&cache.path().join("cargo-ebpf/linkers")), [""; 0]);
}

/// `setup` with the real cargo, below a shell in a namespace of its own.
fn unshare(namespace: &str, shell: &str, cache: &Path) -> Command {
    let mut unshare = command("unshare");
    unshare
        .args([namespace, "sh", "-c", shell, "sh"])
        .args([env!("CARGO_BIN_EXE_cargo-ebpf"), "setup"])
        .env("XDG_CACHE_HOME", cache)
        .current_dir(cache);
    unshare
}
