//! The rest of the machine: /proc, namespaces, cgroups, lockdown, limits.

use std::{fs, path::Path};

use crate::{doctor::Item, invocation, probe::requirements};

const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

pub(super) fn items() -> Vec<Item> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let mut items = vec![proc(
        read("/proc/self/status").is_some(),
        read("/proc/1/status").is_some(),
    )];
    items.push(pid_namespace());
    items.push(cgroups(read("/proc/self/mounts").as_deref()));
    items.push(lockdown(read(LOCKDOWN).as_deref()));
    items
}

fn proc(own: bool, others: bool) -> Item {
    const CODE: &str = "proc";
    if !own {
        return Item::limited(
            CODE,
            "/proc is not mounted: the names of threads, programs and functions are unavailable",
            "sudo mount -t proc proc /proc",
        );
    }
    if !others {
        return Item::limited(
            CODE,
            "/proc hides other users' processes: the names of their threads and functions are \
             unavailable",
            format!(
                "sudo mount -o remount,hidepid=0 /proc, or {}",
                invocation::as_root()
            ),
        );
    }
    Item::ok(CODE, "all processes and threads are visible (/proc)")
}

fn pid_namespace() -> Item {
    const CODE: &str = "pid-namespace";
    if requirements::in_initial_pid_namespace() {
        return Item::ok(CODE, "lock runs in the initial PID namespace");
    }
    Item::limited(
        CODE,
        "process IDs here are those of a container, and BPF programs see the host's: --pid and \
         COMMAND are not available, and threads may have no names",
        "run lock on the host, or in a container that shares its PID namespace: docker run --pid=host",
    )
}

fn cgroups(mounts: Option<&str>) -> Item {
    const CODE: &str = "cgroup2";
    let mounted = mounts.unwrap_or_default().lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let place = words.next()?;
        (words.next() == Some("cgroup2")).then_some(place)
    });
    match mounted {
        Some(place) => Item::ok(CODE, format!("cgroup v2 is mounted ({place})")),
        None => Item::limited(
            CODE,
            "cgroup v2 is not mounted: --cgroup is not available",
            "sudo mkdir -p /sys/fs/cgroup/unified && sudo mount -t cgroup2 none \
             /sys/fs/cgroup/unified",
        ),
    }
}

/// `text` is as the kernel writes it: `[none] integrity confidentiality`.
fn lockdown(text: Option<&str>) -> Item {
    const CODE: &str = "lockdown";
    let mode = text.and_then(|text| text.split('[').nth(1)?.split(']').next());
    match mode {
        Some("confidentiality") => Item::failed(
            CODE,
            "kernel lockdown forbids reading kernel memory, which the BPF programs do",
            "boot without lockdown=confidentiality; lockdown=integrity is fine",
        ),
        Some(mode) => Item::ok(CODE, format!("kernel lockdown ({mode}) allows recording")),
        None => Item::ok(
            CODE,
            if Path::new(LOCKDOWN).exists() {
                "the kernel lockdown mode is not readable; the check programs-load shows whether \
                 lockdown forbids recording"
            } else {
                "kernel lockdown is off"
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{cgroups, lockdown, proc};
    use crate::doctor::State;

    #[test]
    fn lockdown_forbids_only_in_confidentiality() {
        for (text, state) in [
            (Some("[none] integrity confidentiality\n"), State::Ok),
            (Some("none [integrity] confidentiality\n"), State::Ok),
            (Some("none integrity [confidentiality]\n"), State::Failed),
            (Some(""), State::Ok),
            (None, State::Ok),
        ] {
            assert_eq!(lockdown(text).state, state, "{text:?}");
        }
    }

    #[test]
    fn cgroups_are_found_wherever_they_are_mounted() {
        let mounts = "cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert!(
            cgroups(Some(mounts))
                .message
                .contains("/sys/fs/cgroup/unified")
        );
        assert_eq!(cgroups(mounts.lines().next()).state, State::Limited);
        assert_eq!(cgroups(None).state, State::Limited);
    }

    #[test]
    fn each_problem_has_a_fix() {
        for item in [proc(false, false), proc(true, false), cgroups(None)] {
            assert_eq!(item.state, State::Limited);
            assert!(item.fix.is_some_and(|fix| fix.starts_with("sudo ")));
        }
        assert_eq!(proc(true, true).fix, None);
    }
}
