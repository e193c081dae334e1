//! What `/proc` tells of processes and threads, and of the memory that they share.

use std::fs;

use crate::symbol::{mapping, text::beginning};

/// How much of the path of shared memory is kept, in bytes: there is one per lock.
const LONGEST_PATH: usize = 160;

/// A process's or thread's name. None if it ended.
pub(crate) fn comm(pid: u32, tid: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/task/{tid}/comm")).ok()?;
    Some(
        String::from_utf8_lossy(&name)
            .trim_end_matches('\n')
            .to_owned(),
    )
}

/// The path of a process's cgroup, in the hierarchy that all of them are in (version 2), or
/// else in the first one that is not the root. None if the process ended.
pub(crate) fn cgroup(pid: u32) -> Option<String> {
    parse_cgroup(&fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?)
}

fn parse_cgroup(text: &str) -> Option<String> {
    let paths = || {
        text.lines().filter_map(|line| {
            let mut fields = line.splitn(3, ':');
            Some((fields.next()?, fields.next()?, fields.next()?))
        })
    };
    let unified = paths().find(|(id, controllers, _)| *id == "0" && controllers.is_empty());
    match unified {
        // Both versions at once: the second has all processes in its root.
        Some((.., "/")) | None => paths()
            .map(|(.., path)| path)
            .find(|path| *path != "/")
            .or(unified.map(|(.., path)| path)),
        Some((.., path)) => Some(path),
    }
    .map(str::to_owned)
}

/// What is behind an address that processes share, the same text for all of them: device,
/// inode, then the file's path and the offset in it. None if the process ended, or the
/// memory is its own.
pub(crate) fn shared_memory(pid: u32, address: u64) -> Option<String> {
    let mapping = mapping::of_process(pid)
        .ok()?
        .into_iter()
        .find(|mapping| mapping.range.contains(&address))?;
    if mapping.inode == 0 || !mapping.shared {
        return None;
    }
    let offset = address
        .saturating_sub(mapping.range.start)
        .saturating_add(mapping.offset);
    // Each process may have another path to it, or it may be gone by now: not so its inode.
    let path = beginning(mapping.file_path(), LONGEST_PATH);
    Some(format!(
        "{}:{} {path}+{offset:#x}",
        mapping.device, mapping.inode
    ))
}

#[cfg(test)]
mod tests {
    use super::{cgroup, comm, parse_cgroup, shared_memory};

    #[test]
    fn the_cgroup_is_the_unified_one() {
        let path = |text| parse_cgroup(text);
        assert_eq!(
            path("0::/user.slice/a:b\n").as_deref(),
            Some("/user.slice/a:b")
        );
        assert_eq!(
            path("12:cpu,cpuacct:/docker/1f\n0::/\n").as_deref(),
            Some("/docker/1f")
        );
        assert_eq!(path("0::/\n").as_deref(), Some("/"));
        assert_eq!(path(""), None);
    }

    #[test]
    fn this_process_is_known() {
        let pid = std::process::id();
        assert!(comm(pid, pid).is_some());
        assert!(cgroup(pid).is_some());
        assert_eq!(comm(u32::MAX, u32::MAX), None);
    }

    #[test]
    fn shared_memory_is_known_by_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(8192).unwrap();
        let map = |flags| {
            use std::os::fd::AsRawFd as _;
            // SAFETY: a new mapping of an open file, of its size.
            let at = unsafe {
                libc::mmap(
                    std::ptr::null_mut(),
                    8192,
                    libc::PROT_READ,
                    flags,
                    file.as_file().as_raw_fd(),
                    0,
                )
            };
            assert_ne!(at, libc::MAP_FAILED);
            at as u64
        };
        let pid = std::process::id();
        let (one, other) = (map(libc::MAP_SHARED), map(libc::MAP_SHARED));
        let text = shared_memory(pid, one + 4160).unwrap();
        assert!(text.ends_with("+0x1040"), "{text}");
        assert!(text.contains(file.path().to_str().unwrap()), "{text}");
        assert_eq!(shared_memory(pid, other + 4160), Some(text));
        assert_eq!(shared_memory(pid, map(libc::MAP_PRIVATE)), None);
        assert_eq!(shared_memory(pid, 8), None);
    }
}
