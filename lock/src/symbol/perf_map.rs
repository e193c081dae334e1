//! Names of code that a process compiled while it runs: `/tmp/perf-PID.map`, one line a
//! function: start and size in hexadecimal, then the name.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::symbol::root;

/// How much of a map is read, in bytes.
const LARGEST: u64 = 128 << 20;

/// How long what was read holds, for addresses that are not in it.
const HOLDS: Duration = Duration::from_millis(100);

/// A process's own names of its code.
#[derive(Debug, Default)]
pub(crate) struct PerfMap {
    /// Start -> end and name.
    functions: BTreeMap<u64, (u64, String)>,
    read_to: u64,
    read_at: Option<Instant>,
}

impl PerfMap {
    /// The function at an address. Reads what the process has written since, when it is not
    /// known.
    pub(crate) fn function(&mut self, pid: u32, address: u64) -> Option<&str> {
        if self.known(address).is_none() {
            self.read(pid);
        }
        self.known(address)
    }

    fn known(&self, address: u64) -> Option<&str> {
        let (_, (end, name)) = self.functions.range(..=address).next_back()?;
        (address < *end).then_some(name)
    }

    fn read(&mut self, pid: u32) {
        if self.read_at.is_some_and(|at| at.elapsed() < HOLDS) {
            return;
        }
        self.read_at = Some(Instant::now());
        if let Some((text, complete)) = self.news(pid) {
            self.add(&text);
            self.read_to = self.read_to.saturating_add(complete);
        }
    }

    /// What was written since, up to the last whole line, and its length.
    fn news(&self, pid: u32) -> Option<(String, u64)> {
        let path = PathBuf::from(format!("/tmp/perf-{}.map", inner_pid(pid)?));
        let mut file = root::open(pid, &path).ok()?;
        // Everybody may write to /tmp: only the process's own map counts, or root's.
        let (owner, process) = (
            file.metadata().ok()?,
            fs::metadata(format!("/proc/{pid}")).ok()?,
        );
        if owner.uid() != 0 && owner.uid() != process.uid() {
            return None;
        }
        if owner.len() <= self.read_to || self.read_to >= LARGEST {
            return None;
        }
        file.seek(SeekFrom::Start(self.read_to)).ok()?;
        let mut bytes = Vec::new();
        file.take(LARGEST.saturating_sub(self.read_to))
            .read_to_end(&mut bytes)
            .ok()?;
        let lines = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')?
            .saturating_add(1);
        bytes.truncate(lines);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some((text, lines as u64))
    }

    fn add(&mut self, text: &str) {
        for line in text.lines() {
            let mut fields = line.splitn(3, ' ');
            let (Some(start), Some(size), Some(name)) =
                (number(fields.next()), number(fields.next()), fields.next())
            else {
                continue;
            };
            let end = start.saturating_add(size);
            // A compiler puts new code where old code was.
            let gone: Vec<u64> = self
                .functions
                .range(..end)
                .rev()
                .take_while(|(_, (old_end, _))| *old_end > start)
                .map(|(&old, _)| old)
                .collect();
            for old in gone {
                self.functions.remove(&old);
            }
            self.functions.insert(start, (end, name.to_owned()));
        }
    }
}

fn number(text: Option<&str>) -> Option<u64> {
    let text = text?;
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// The process's number in its own pid namespace: the last of `NSpid`.
fn inner_pid(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let numbers = status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers.split_whitespace().next_back()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::PerfMap;

    #[test]
    fn later_code_takes_the_place_of_earlier() {
        let mut map = PerfMap::default();
        map.add("1000 100 old one\n1100 80 LazyCompile:*f a.js:1\nbad\n0x1080 100 new\n");
        assert_eq!(map.known(0x1000), None);
        assert_eq!(map.known(0x1080), Some("new"));
        assert_eq!(map.known(0x117f), Some("new"));
        assert_eq!(map.known(0x1180), None);
    }
}
