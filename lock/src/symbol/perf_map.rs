//! Names of code that a process compiled while it runs: `/tmp/perf-PID.map`, one line a
//! function: start and size in hexadecimal, then the name.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    fs,
    io::{Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use ebpf_base::units::plural;

use crate::symbol::{
    root::{self, Links},
    text::beginning,
};

/// The longest name that is kept, in bytes.
const LONGEST_NAME: usize = 512;

/// The longest line: the numbers and the name. What is beyond is not kept, whatever its length.
const LONGEST_LINE: usize = LONGEST_NAME + 64;

/// How much of a map is taken in at a time, in bytes.
const AT_A_TIME: usize = 1 << 20;

/// How often for one address: the rest waits for the next unknown one.
const TIMES: usize = 32;

/// How much of the maps of one user is kept in memory, in bytes.
const LARGEST: u64 = 36 << 20;

/// How much of them is read, in bytes.
const MOST_READ: u64 = 256 << 20;

/// The same for all users: one may have processes with many user ids.
const LARGEST_OF_ALL: u64 = 48 << 20;
const MOST_READ_OF_ALL: u64 = 512 << 20;

/// What an entry takes beyond its name.
const ENTRY: u64 = 64;

/// How long what was read holds, for addresses that are not in it.
const HOLDS: Duration = Duration::from_millis(100);

/// What the maps of each user take.
#[derive(Debug, Default)]
pub(crate) struct Budgets {
    of_users: HashMap<u32, Rc<Budget>>,
    of_all: Rc<Usage>,
}

/// What maps take.
#[derive(Debug, Default)]
struct Usage {
    /// The bytes in memory.
    kept: Cell<u64>,
    /// The bytes that were read.
    read: Cell<u64>,
}

/// What the maps of one user may take.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    used: Usage,
    of_all: Rc<Usage>,
    /// Whether more was wanted.
    exceeded: Cell<bool>,
}

impl Budgets {
    /// That of the user whose process this is.
    pub(crate) fn of(&mut self, pid: u32) -> Rc<Budget> {
        let uid = Identity::of(pid).map_or(u32::MAX, |identity| identity.uid);
        let of_all = &self.of_all;
        let budget = self.of_users.entry(uid).or_insert_with(|| {
            Rc::new(Budget {
                of_all: Rc::clone(of_all),
                ..Budget::default()
            })
        });
        Rc::clone(budget)
    }

    /// What was not read, as a sentence.
    pub(crate) fn note(&self) -> Option<String> {
        let users = self
            .of_users
            .values()
            .filter(|budget| budget.exceeded.get())
            .count();
        if users == 0 {
            return None;
        }
        let whose = plural(users as u64, "user");
        Some(format!(
            "some JIT-compiled functions in processes of {whose} have no names, because the perf \
             maps of one user exceed {} MiB, or those of all users exceed {} MiB",
            LARGEST >> 20,
            LARGEST_OF_ALL >> 20
        ))
    }
}

impl Budget {
    fn is_open(&self) -> bool {
        let open = self.used.is_below(LARGEST, MOST_READ)
            && self.of_all.is_below(LARGEST_OF_ALL, MOST_READ_OF_ALL);
        if !open {
            self.exceeded.set(true);
        }
        open
    }

    fn read(&self, bytes: u64) {
        for usage in [&self.used, &*self.of_all] {
            usage.read.set(usage.read.get().saturating_add(bytes));
        }
    }

    fn keep(&self, bytes: u64) {
        for usage in [&self.used, &*self.of_all] {
            usage.kept.set(usage.kept.get().saturating_add(bytes));
        }
    }

    fn keep_less(&self, bytes: u64) {
        for usage in [&self.used, &*self.of_all] {
            usage.kept.set(usage.kept.get().saturating_sub(bytes));
        }
    }
}

impl Usage {
    fn is_below(&self, kept: u64, read: u64) -> bool {
        self.kept.get() < kept && self.read.get() < read
    }
}

/// A process's own names of its code.
#[derive(Debug, Default)]
pub(crate) struct PerfMap {
    /// Start -> end and name.
    functions: BTreeMap<u64, (u64, Box<str>)>,
    /// A line that is not whole yet, up to what is kept of one.
    line: Vec<u8>,
    kept: u64,
    budget: Rc<Budget>,
    read_to: u64,
    read_at: Option<Instant>,
}

impl PerfMap {
    /// Of a process of the user who has this budget.
    pub(crate) fn within(budget: Rc<Budget>) -> Self {
        let mut map = Self::default();
        map.budget = budget;
        map
    }

    /// The function at an address. Reads what the process has written since, when it is not
    /// known.
    pub(crate) fn function(&mut self, pid: u32, address: u64) -> Option<&str> {
        if self.known(address).is_none() {
            self.read(pid, address);
        }
        self.known(address)
    }

    /// The function at an address, of what was read.
    pub(super) fn known(&self, address: u64) -> Option<&str> {
        let (_, (end, name)) = self.functions.range(..=address).next_back()?;
        (address < *end).then_some(name)
    }

    fn read(&mut self, pid: u32, address: u64) {
        if self.read_at.is_some_and(|at| at.elapsed() < HOLDS) || !self.budget.is_open() {
            return;
        }
        for _ in 0..TIMES {
            let Some(bytes) = self.news(pid).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            self.add(&bytes);
            if self.known(address).is_some() || !self.budget.is_open() {
                break;
            }
        }
        // The time that this took is not the interval's.
        self.read_at = Some(Instant::now());
    }

    /// What was written since.
    fn news(&mut self, pid: u32) -> Option<Vec<u8>> {
        let Identity { uid, inner_pid } = Identity::of(pid)?;
        let path = PathBuf::from(format!("/tmp/perf-{inner_pid}.map"));
        // Everybody may write to /tmp: only the process's own map counts.
        let mut file = root::open(pid, uid, &path, Links::Rejected).ok()?;
        if file.metadata().ok()?.uid() != uid {
            return None;
        }
        file.seek(SeekFrom::Start(self.read_to)).ok()?;
        let mut bytes = Vec::new();
        file.take(AT_A_TIME as u64).read_to_end(&mut bytes).ok()?;
        self.read_to = self.read_to.saturating_add(bytes.len() as u64);
        self.budget.read(bytes.len() as u64);
        Some(bytes)
    }

    /// Takes in what comes next in the map.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            let room = LONGEST_LINE.saturating_sub(self.line.len());
            let kept = text.get(..room.min(text.len())).unwrap_or_default();
            self.line.extend_from_slice(kept);
            if ends {
                let line = std::mem::take(&mut self.line);
                self.add_line(&String::from_utf8_lossy(&line));
            }
        }
    }

    fn add_line(&mut self, line: &str) {
        let mut fields = line.splitn(3, ' ');
        let (Some(start), Some(size), Some(name)) =
            (number(fields.next()), number(fields.next()), fields.next())
        else {
            return;
        };
        if !self.budget.is_open() {
            return;
        }
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
            if let Some((_, name)) = self.functions.remove(&old) {
                self.keep_less(&name);
            }
        }
        let name = beginning(name, LONGEST_NAME);
        self.kept = self.kept.saturating_add(cost(name));
        self.budget.keep(cost(name));
        if let Some((_, old)) = self.functions.insert(start, (end, name.into())) {
            self.keep_less(&old);
        }
    }

    fn keep_less(&mut self, name: &str) {
        self.kept = self.kept.saturating_sub(cost(name));
        self.budget.keep_less(cost(name));
    }
}

impl Drop for PerfMap {
    fn drop(&mut self) {
        self.budget.keep_less(self.kept);
    }
}

fn cost(name: &str) -> u64 {
    ENTRY.saturating_add(name.len() as u64)
}

fn number(text: Option<&str>) -> Option<u64> {
    let text = text?;
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()
}

/// Who a process is.
struct Identity {
    /// Its user.
    uid: u32,
    /// Its number in its own pid namespace.
    inner_pid: u32,
}

impl Identity {
    fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace())
        };
        Some(Self {
            uid: field("Uid:")?.nth(1)?.parse().ok()?,
            inner_pid: field("NSpid:")?.next_back()?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{LARGEST, LONGEST_NAME, PerfMap};

    #[test]
    fn later_code_takes_the_place_of_earlier() {
        let mut map = PerfMap::default();
        map.add(b"1000 100 old one\n1100 80 LazyCompile:*f a.js:1\nbad\n0x1080 100 new\n");
        assert_eq!(map.known(0x1000), None);
        assert_eq!(map.known(0x1080), Some("new"));
        assert_eq!(map.known(0x117f), Some("new"));
        assert_eq!(map.known(0x1180), None);
    }

    #[test]
    fn a_line_may_come_in_parts() {
        let mut map = PerfMap::default();
        for part in ["10", "00 100", " one\n2000 100 t", "wo"] {
            map.add(part.as_bytes());
        }
        assert_eq!(map.known(0x1000), Some("one"));
        assert_eq!(map.known(0x2000), None, "it may go on");
        map.add(b"\n");
        assert_eq!(map.known(0x2000), Some("two"));
    }

    #[test]
    fn long_names_are_cut_and_what_is_kept_is_bounded() {
        let mut map = PerfMap::default();
        let budget = Rc::clone(&map.budget);
        map.add(format!("1 1 {}", "x".repeat(3 << 20)).as_bytes());
        assert!(map.line.capacity() < 1 << 20);
        map.add(b"y\n2 1 next\n");
        assert_eq!(map.known(1).map(str::len), Some(LONGEST_NAME));
        assert_eq!(map.known(2), Some("next"));
        // Characters of more than a byte.
        map.add(format!("3 1 a{}\n", "\u{20ac}".repeat(1000)).as_bytes());
        assert!(map.known(3).is_some_and(|name| name.ends_with('\u{20ac}')));
        let line = |number: u64| format!("{number:x} 1 {}\n", "x".repeat(LONGEST_NAME));
        for number in 0..200_000 {
            map.add(line(number * 2).as_bytes());
        }
        assert!(budget.exceeded.get());
        assert!(budget.used.kept.get() <= LARGEST + 1024);
        assert!(map.functions.len() < 100_000);
        drop(map);
        assert_eq!(budget.used.kept.get(), 0);
    }

    #[test]
    fn changed_maps_are_read() {
        let whole =
            b"7f0000001000 100 one\n0x1100 80 LazyCompile:*f a.js:1\n1000 ffffffffffffffff x\n";
        let mut map = PerfMap::default();
        for run in 0..2000 {
            let mut random = fastrand::Rng::with_seed(run);
            let mut bytes = whole.to_vec();
            for _ in 0..random.usize(1..8) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            map.add(&bytes);
            map.known(random.u64(..));
            let entries = map.functions.values();
            let kept: u64 = entries.map(|(_, name)| super::cost(name)).sum();
            assert_eq!(map.budget.used.kept.get(), kept);
        }
    }

    #[test]
    fn the_same_code_again_takes_no_more() {
        let mut map = PerfMap::default();
        for _ in 0..1000 {
            map.add(b"1000 100 one\n1000 0 nothing\n");
        }
        assert!(map.budget.used.kept.get() < 1000, "{:?}", map.budget);
    }
}
