//! Changed files, read as a recording reads them: whatever they contain, the recorder goes on, in
//! bounded memory and time. `scripts/changed-files` reads many of them.

use std::{
    env, fs, mem,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use fastrand::Rng;
use object::{Object as _, ObjectSection as _};

use super::{Readers, address, addresses, names, open, unwind};
use crate::{
    clock::thread_cpu,
    symbol::perf_map::{Budgets, PerfMap},
};

/// How many files of each kind the long tests read, unless CHANGED_FILES contains a number.
const MANY: u64 = 200_000;
/// How many the others read.
const FEW: u64 = 60;
/// After how many files the readers begin anew: with all that an owner may take.
const AT_A_TIME: u64 = 50;
/// What a file may take, of CPU time and of memory, with the process that reads it.
const MOST_CPU: Duration = Duration::from_secs(10);
const MOST_MEMORY: u64 = 256 << 20;

/// Inlined functions, types, names, and data.
const SOURCE: &str = "\
struct pair { int a; struct pair *next; union { long l; char c[4]; } u; };\n\
static struct pair known[7]; int shown = 3;\n\
static inline __attribute__((always_inline)) int inner(struct pair *p) { return p->a * shown; }\n\
static inline __attribute__((always_inline)) int middle(struct pair *p) { return inner(p) + inner(p->next); }\n\
int first(int a) { return a + 1; }\n\
int second(int a) { return middle(known + (a & 3)); }\n\
int third(int (*f)(int), int a) { int b = f(a); __asm__ volatile(\"\"); return b + middle(known); }\n";

/// A file that is to be changed.
struct Original {
    bytes: Vec<u8>,
    /// What is changed.
    parts: Vec<Range<usize>>,
    /// What is asked for.
    addresses: Vec<u64>,
}

impl Original {
    /// A file to change: the sections whose names `changes` accepts and, with `headers`, the
    /// headers that lead to them.
    fn new(path: &Path, headers: bool, changes: impl Fn(&str) -> bool) -> Self {
        let bytes = fs::read(path).unwrap();
        let mut parts = sections(&bytes, changes);
        assert!(!parts.is_empty(), "{}", path.display());
        if headers {
            const FILE_HEADER: usize = 64;
            const PROGRAM_HEADERS: usize = 10 * 56;
            let section_headers = u64::from_le_bytes(bytes[40..48].try_into().unwrap());
            parts.push(0..FILE_HEADER);
            parts.push(FILE_HEADER..FILE_HEADER + PROGRAM_HEADERS);
            parts.push(section_headers as usize..bytes.len());
        }
        let mut addresses = addresses(path);
        addresses.push(0);
        Self {
            bytes,
            parts,
            addresses,
        }
    }

    fn changed(&self, random: &mut Rng) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for _ in 0..random.usize(1..12) {
            let part = random.choice(&self.parts).unwrap().clone();
            change(random, &mut bytes, part);
        }
        bytes
    }
}

/// Where a file has the sections that `wanted` takes, by their names.
fn sections(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let elf = object::File::parse(bytes).unwrap();
    elf.sections()
        .filter(|section| section.name().is_ok_and(&wanted))
        .filter_map(|section| section.file_range())
        .map(|(start, size)| start as usize..(start + size) as usize)
        .filter(|part| !part.is_empty())
        .collect()
}

/// Changes up to eight bytes of a part.
fn change(random: &mut Rng, bytes: &mut [u8], part: Range<usize>) {
    const NUMBERS: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
    let at = random.usize(part.clone());
    let length = random.usize(1..9).min(part.end - at);
    let value = if random.bool() {
        *random.choice(&NUMBERS).unwrap()
    } else {
        random.u8(..)
    };
    bytes[at..at + length].fill(value);
}

/// What is changed, and how it is read.
trait Kind {
    /// Reads the next one; whether it was an ELF file, and whether there was a name.
    fn read(&mut self, random: &mut Rng, readers: &mut Readers) -> (bool, bool);
}

/// A file with code of its own.
struct Code {
    path: PathBuf,
    originals: Vec<Original>,
}

impl Code {
    fn new(
        directory: &Path,
        options: &[&[&str]],
        headers: bool,
        changes: fn(&str) -> bool,
    ) -> Self {
        let original = |options: &&[&str]| {
            Original::new(&built(directory, "original.so", options), headers, changes)
        };
        Self {
            path: directory.join("changed.so"),
            originals: options.iter().map(original).collect(),
        }
    }
}

impl Kind for Code {
    fn read(&mut self, random: &mut Rng, readers: &mut Readers) -> (bool, bool) {
        let original = random.choice(&self.originals).unwrap();
        fs::write(&self.path, original.changed(random)).unwrap();
        read_code(
            &self.path,
            *random.choice(&original.addresses).unwrap(),
            readers,
        )
    }
}

/// A file with a link to a separate debug file: one of the two is changed.
struct Link {
    directory: PathBuf,
    linked: Original,
    debug: Original,
}

impl Link {
    fn new(directory: &Path) -> Self {
        let debug = built(directory, "a.debug", &[]);
        let linked = directory.join("original.so");
        let status = Command::new("objcopy")
            .arg("--strip-all")
            .arg(format!("--add-gnu-debuglink={}", debug.display()))
            .args([&debug, &linked])
            .status();
        assert!(status.unwrap().success());
        let part = |name: &str| name == ".gnu_debuglink" || name == ".note.gnu.build-id";
        Self {
            directory: directory.to_owned(),
            linked: Original {
                addresses: addresses(&debug),
                ..Original::new(&linked, false, part)
            },
            debug: Original::new(&debug, true, |name| !name.starts_with(".note")),
        }
    }
}

impl Kind for Link {
    fn read(&mut self, random: &mut Rng, readers: &mut Readers) -> (bool, bool) {
        let (mut linked, mut debug) = (self.linked.bytes.clone(), self.debug.bytes.clone());
        if random.bool() {
            linked = self.linked.changed(random);
        } else {
            debug = self.debug.changed(random);
        }
        let path = self.directory.join("changed.so");
        fs::write(&path, linked).unwrap();
        fs::write(self.directory.join("a.debug"), debug).unwrap();
        read_code(
            &path,
            *random.choice(&self.linked.addresses).unwrap(),
            readers,
        )
    }
}

/// The perf map of this process.
struct Map {
    path: PathBuf,
    original: Vec<u8>,
}

impl Map {
    fn new() -> Self {
        let mut original = String::new();
        for number in 0..48_u32 {
            let start = 0x7f00_0000_1000_u64 + u64::from(number) * 0x80;
            original += &match number % 4 {
                0 => format!("{start:x} 80 LazyCompile:*f{number} a.js:{number}\n"),
                1 => format!("0x{start:x} 0x100 java.lang.Object::wait \u{20ac}{number}\n"),
                2 => format!("{start:x} ffffffffffffffff {}\n", "n".repeat(600)),
                _ => format!("{start:016X} 40\n"),
            };
        }
        Self {
            path: format!("/tmp/perf-{}.map", std::process::id()).into(),
            original: original.into_bytes(),
        }
    }
}

impl Kind for Map {
    fn read(&mut self, random: &mut Rng, _: &mut Readers) -> (bool, bool) {
        let mut bytes = self.original.clone();
        for _ in 0..random.usize(1..40) {
            let whole = 0..bytes.len();
            change(random, &mut bytes, whole);
        }
        if random.u8(..4) == 0 {
            let part = random.usize(..bytes.len())..bytes.len();
            bytes = bytes[part].repeat(random.usize(1..20));
        }
        fs::write(&self.path, &bytes).unwrap();
        let pid = std::process::id();
        let mut map = PerfMap::within(Budgets::default().of(pid));
        let address = 0x7f00_0000_1000 + random.u64(..0x2000);
        (true, map.function(pid, address).is_some())
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// A library of [`SOURCE`].
fn built(directory: &Path, name: &str, options: &[&str]) -> PathBuf {
    let (source, path) = (directory.join("source.c"), directory.join(name));
    fs::write(&source, SOURCE).unwrap();
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-g", "-Wl,--build-id"])
        .args(options)
        .arg("-o")
        .args([&path, &source])
        .status();
    assert!(status.expect("cc works: rustc links with it").success());
    path
}

/// Asks all that a recording asks of a file.
fn read_code(path: &Path, address: u64, readers: &mut Readers) -> (bool, bool) {
    let Some(file) = open(readers, path) else {
        return (false, false);
    };
    let functions = file.functions(address);
    file.tail_caller(address);
    file.variable(address);
    unwind(file.unwind_sections(), address);
    (true, !functions.is_empty())
}

const NAMES: [&str; 7] = [
    ".symtab",
    ".strtab",
    ".dynsym",
    ".dynstr",
    ".shstrtab",
    ".gnu.hash",
    ".note.gnu.build-id",
];

fn kind(name: &str, directory: &Path) -> Box<dyn Kind> {
    let code = |options: &[&[&str]], headers: bool, changes: fn(&str) -> bool| -> Box<dyn Kind> {
        Box::new(Code::new(directory, options, headers, changes))
    };
    match name {
        "elf" => code(&[&[]], true, |name| NAMES.contains(&name)),
        "dwarf" => code(
            &[
                &["-gdwarf-5"],
                &["-gdwarf-4"],
                &["-gdwarf-2"],
                &["-gz=zlib"],
            ],
            false,
            |name| name.starts_with(".debug"),
        ),
        "unwinding" => {
            const NO_EH_FRAME: &[&str] = &["-nostdlib", "-fno-asynchronous-unwind-tables"];
            code(&[&[], NO_EH_FRAME], false, |name| {
                name.starts_with(".eh_frame") || name == ".debug_frame"
            })
        }
        "debug_link" => Box::new(Link::new(directory)),
        "perf_map" => Box::new(Map::new()),
        _ => panic!("no such kind: {name}"),
    }
}

/// Reads so many changed files of a kind; a line about them.
fn read_changed(name: &str, count: u64) -> String {
    let directory = tempfile::tempdir().unwrap();
    let mut kind = kind(name, directory.path());
    let mut readers = Readers::default();
    let (mut opened, mut named, mut ended) = (0_u64, 0_u64, 0_u64);
    let mut slowest = (Duration::ZERO, Duration::ZERO, 0);
    for number in 0..count {
        let mut random = Rng::with_seed(number);
        let (began, cpu) = (Instant::now(), thread_cpu() + readers.cpu());
        let (is_elf, has_name) = kind.read(&mut random, &mut readers);
        let cpu = (thread_cpu() + readers.cpu()).saturating_sub(cpu);
        assert!(cpu < MOST_CPU, "{name} {number} takes {cpu:?}");
        slowest = slowest.max((cpu, began.elapsed(), number));
        opened += u64::from(is_elf);
        named += u64::from(has_name);
        let ends: u32 = readers
            .by_owner
            .values()
            .map(|reader| reader.borrow().ends)
            .sum();
        ended += u64::from(ends > 0);
        if ends > 0 || number % AT_A_TIME == AT_A_TIME - 1 {
            readers = Readers::default();
        }
    }
    // What is not changed is read as ever.
    let original = built(directory.path(), "original.so", &[]);
    let file = open(&mut readers, &original).unwrap();
    assert_eq!(names(&file, address(&original, "first")), ["first"]);
    let (cpu, time, seed) = slowest;
    format!(
        "{name:10} {count:7} {opened:7} {named:7} {ended:6} {:8.3} {:8.3} {seed:7}",
        cpu.as_secs_f64(),
        time.as_secs_f64(),
    )
}

/// The most memory that this process had, in bytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line.unwrap().trim_end_matches("kB").trim().parse().unwrap();
    kib << 10
}

/// The most memory that one of those had that it started, the compiler among them.
fn peak_memory_of_children() -> u64 {
    let mut usage = mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is what the call writes; zero is a value of it.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    usage.ru_maxrss.cast_unsigned() << 10
}

#[expect(clippy::print_stderr, reason = "a figure")]
fn print(line: &str) {
    eprintln!("{line}");
}

macro_rules! kinds {
    ($($kind:ident)*) => {
        $(
            #[test]
            fn $kind() {
                read_changed(stringify!($kind), FEW);
            }
        )*

        mod many {
            use super::{
                MANY, MOST_MEMORY, env, peak_memory, peak_memory_of_children, print, read_changed,
            };

            $(
                #[test]
                #[ignore = "takes minutes: scripts/changed-files"]
                fn $kind() {
                    let count = env::var("CHANGED_FILES").map_or(MANY, |count| count.parse().unwrap());
                    let line = read_changed(stringify!($kind), count);
                    // This process has nothing else in it.
                    let (own, child) = (peak_memory(), peak_memory_of_children());
                    print(&format!("{line} {:6} {:6}", own >> 20, child >> 20));
                    assert!(own + child < MOST_MEMORY);
                }
            )*
        }
    };
}

kinds! { elf dwarf unwinding debug_link perf_map }
