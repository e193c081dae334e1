//! The rest of the machine: /proc, namespaces, cgroups, lockdown, limits.

use std::{fs, path::Path};

use crate::{doctor::Item, probe::requirements};

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
            "/proc is not there: threads, programs and functions have no names",
            "sudo mount -t proc proc /proc",
        );
    }
    if !others {
        return Item::limited(
            CODE,
            "/proc hides other users' processes: their threads and functions have no names",
            "sudo mount -o remount,hidepid=0 /proc, or sudo lock ...",
        );
    }
    Item::ok(CODE, "processes and their threads are there (/proc)")
}

fn pid_namespace() -> Item {
    const CODE: &str = "pid-namespace";
    if requirements::in_initial_pid_namespace() {
        return Item::ok(CODE, "process numbers are the kernel's own");
    }
    Item::limited(
        CODE,
        "process numbers here are those of a container, and the kernel's programs see the host's: \
         --pid and COMMAND are refused, threads of the whole system may have no names",
        "run lock on the host, or the container with the host's processes: docker run --pid=host",
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
        Some(place) => Item::ok(CODE, format!("cgroups of version 2 are there ({place})")),
        None => Item::limited(
            CODE,
            "no cgroups of version 2 are mounted: --cgroup finds none",
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
            "the kernel is locked down against reading its memory, which programs do",
            "boot without lockdown=confidentiality; lockdown=integrity is fine",
        ),
        Some(mode) => Item::ok(
            CODE,
            format!("lockdown is {mode}, which forbids nothing here"),
        ),
        None => Item::ok(
            CODE,
            if Path::new(LOCKDOWN).exists() {
                "whether the kernel is locked down may not be read; loading programs tells"
            } else {
                "the kernel shows no lockdown"
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
                .says
                .contains("/sys/fs/cgroup/unified")
        );
        assert_eq!(cgroups(mounts.lines().next()).state, State::Limited);
        assert_eq!(cgroups(None).state, State::Limited);
    }

    #[test]
    fn what_is_amiss_tells_what_mends_it() {
        for item in [proc(false, false), proc(true, false), cgroups(None)] {
            assert_eq!(item.state, State::Limited);
            assert!(item.fix.is_some_and(|fix| fix.starts_with("sudo ")));
        }
        assert_eq!(proc(true, true).fix, None);
    }
}
