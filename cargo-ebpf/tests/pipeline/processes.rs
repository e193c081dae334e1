//! Programs that are met in the middle of their work.

use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

/// Starts `command` in a process group of its own, so that all that it starts can be
/// told from everything else.
pub(crate) fn start(command: &mut Command) -> Child {
    command.process_group(0).spawn().unwrap()
}

/// Sends a signal to the one process.
pub(crate) fn send(signal: i32, child: &Child) {
    // SAFETY: kill takes two numbers and touches no memory.
    let sent = unsafe { libc::kill(child.id().cast_signed(), signal) };
    assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
}

/// Waits until `found` gives something.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "no {what} in 60 s"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// The command lines of `leader` and all that it has started. Zombies have ended.
pub(crate) fn group(leader: u32) -> Vec<String> {
    let leader = leader.to_string();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|entry| {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // See proc_pid_stat(5): after the name come state, parent and group.
            let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
            let mut fields = fields.split(' ');
            fields.next() != Some("Z") && fields.nth(1) == Some(leader.as_str())
        })
        .filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok())
        .map(|line| line.replace('\0', " "))
        .collect()
}
