//! What is mapped into a process: the lines of `/proc/PID/maps`.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read as _},
    ops::Range,
    time::{Duration, Instant},
};

use ebpf_base::units::plural;

use crate::clock::thread_cpu;

/// A line of `/proc/PID/maps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// Where it is in the process.
    pub(crate) range: Range<u64>,
    /// Whether code in it may run.
    pub(crate) executable: bool,
    /// Whether other processes share what is written to it.
    pub(crate) shared: bool,
    /// Where it begins in the file, in bytes.
    pub(crate) offset: u64,
    /// The file's device, as `major:minor` in hexadecimal.
    pub(crate) device: String,
    /// The file's inode; zero where there is no file.
    pub(crate) inode: u64,
    /// The file's path as the process sees it, or a name in brackets; empty if there is none.
    pub(crate) path: String,
}

impl Mapping {
    /// The file's path without the mark of a deleted file.
    pub(crate) fn file_path(&self) -> &str {
        self.path.strip_suffix(DELETED).unwrap_or(&self.path)
    }

    /// The file's name without its folder, and without the mark of a deleted file.
    pub(crate) fn name(&self) -> &str {
        let path = self.file_path();
        match path.rsplit_once('/') {
            Some((_, name)) => name,
            None => path,
        }
    }
}

/// What the kernel appends to the path of a file that is gone.
const DELETED: &str = " (deleted)";

/// How much of a process's `maps` is read, in bytes: 65,530 mappings, the kernel's limit, are
/// less, unless their paths are long on purpose.
const LARGEST: u64 = 16 << 20;

/// How much CPU time reading mappings may take at first, and later per time: a process that maps
/// as much as it can has each of its stacks and locks take as long as thousands of others.
const CPU: Duration = Duration::from_secs(5);
const CPU_SHARE: u32 = 4;

/// What reading mappings took in this thread.
struct Spent {
    since: Instant,
    cpu: Cell<Duration>,
    passed_over: Cell<u64>,
}

thread_local! {
    static SPENT: Spent = Spent {
        since: Instant::now(),
        cpu: Cell::default(),
        passed_over: Cell::default(),
    };
}

/// What was not read, as a sentence.
pub(crate) fn note() -> Option<String> {
    let times = SPENT.with(|spent| spent.passed_over.get());
    (times > 0).then(|| {
        format!(
            "some functions have no names, and a lock in shared memory may appear as several \
             locks: reading the mappings of processes exceeded its time limit ({})",
            plural(times, "time")
        )
    })
}

/// Reads what is mapped into a process, in the order of addresses.
pub(crate) fn of_process(pid: u32) -> io::Result<Vec<Mapping>> {
    SPENT.with(|spent| {
        if spent.cpu.get() > CPU.saturating_add(spent.since.elapsed() / CPU_SHARE) {
            let passed_over = spent.passed_over.get().saturating_add(1);
            spent.passed_over.set(passed_over);
            return Err(io::ErrorKind::TimedOut.into());
        }
        let began = thread_cpu();
        let mappings = read(pid);
        let taken = thread_cpu().saturating_sub(began);
        spent.cpu.set(spent.cpu.get().saturating_add(taken));
        mappings
    })
}

fn read(pid: u32) -> io::Result<Vec<Mapping>> {
    let mut text = Vec::new();
    File::open(format!("/proc/{pid}/maps"))?
        .take(LARGEST)
        .read_to_end(&mut text)?;
    if text.len() as u64 == LARGEST {
        // The last line may be a part of one.
        let whole = text.iter().rposition(|&byte| byte == b'\n');
        text.truncate(whole.unwrap_or(0));
    }
    // A path can be any bytes.
    Ok(parse(&String::from_utf8_lossy(&text)))
}

fn parse(text: &str) -> Vec<Mapping> {
    text.lines().filter_map(line).collect()
}

fn line(line: &str) -> Option<Mapping> {
    let mut fields = line.splitn(6, ' ');
    let (start, end) = fields.next()?.split_once('-')?;
    let rights = fields.next()?;
    let offset = fields.next()?;
    let device = fields.next()?;
    let inode = fields.next()?;
    Some(Mapping {
        range: u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?,
        executable: rights.as_bytes().get(2) == Some(&b'x'),
        shared: rights.as_bytes().get(3) == Some(&b's'),
        offset: u64::from_str_radix(offset, 16).ok()?,
        device: device.to_owned(),
        inode: inode.parse().ok()?,
        path: fields.next().unwrap_or_default().trim_start().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{SPENT, note, of_process, parse};

    #[test]
    fn reading_mappings_takes_no_more_than_its_share() {
        let own = std::process::id();
        assert!(!of_process(own).unwrap().is_empty());
        assert!(SPENT.with(|spent| spent.cpu.get()) > Duration::ZERO);
        assert_eq!(note(), None);
        SPENT.with(|spent| spent.cpu.set(Duration::from_secs(3600)));
        assert!(of_process(own).is_err());
        assert!(note().unwrap().contains("its time limit (1 time)"));
    }

    #[test]
    fn lines_of_maps_are_read() {
        let mappings = parse(
            "00400000-00452000 r-xp 00002000 08:02 173521      /usr/bin/a b (deleted)\n\
             7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n\
             7f1000000000-7f1000001000 rw-s 00000000 00:01 1027       /dev/zero (deleted)\n\
             7ffc00000000-7ffc00002000 r-xp 00000000 00:00 0                          [vdso]\n\
             nonsense\n",
        );
        assert_eq!(mappings.len(), 4);
        assert_eq!(mappings[0].name(), "a b");
        assert_eq!(mappings[0].offset, 0x2000);
        assert!(mappings[0].executable && !mappings[0].shared);
        assert_eq!(mappings[1].path, "");
        assert!(mappings[2].shared);
        assert_eq!(mappings[3].name(), "[vdso]");
    }
}
