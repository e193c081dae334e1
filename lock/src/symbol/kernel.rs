//! Names of kernel functions.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    ops::Range,
    time::{Duration, Instant},
};

use blazesym::{
    MaybeDefault,
    symbolize::{
        Input, Symbolizer,
        source::{Kernel, Source},
    },
};

use crate::{arch::KERNEL_LOADED_LATER, profile::snapshot::Frame};

/// The kernel's symbols: lines `address type name`.
pub(super) const KALLSYMS: &str = "/proc/kallsyms";
const MODULES: &str = "/proc/modules";

/// How many addresses are remembered. Kernels have some ten thousand calls of locking code.
const MOST_REMEMBERED: usize = 1 << 16;

/// How long what was read of kallsyms holds, for addresses that are not in it.
const HOLDS: Duration = Duration::from_secs(2);

/// The functions of this kernel. Keeps what it read for a whole recording: later calls cost
/// a look-up.
pub(crate) struct KernelNames {
    state: Result<Table, String>,
    frames: HashMap<u64, Frame>,
}

struct Table {
    symbolizer: Symbolizer,
    source: Source<'static>,
    modules: Vec<(Range<u64>, String)>,
    read: Instant,
}

impl KernelNames {
    /// Reads nothing yet but whether names are shown at all.
    pub(crate) fn new() -> Self {
        Self {
            state: readable().map(|()| Table::new()),
            frames: HashMap::new(),
        }
    }

    /// Why there are no names, and what mends it, where that is so: one sentence.
    pub(crate) fn nameless(&self) -> Option<&str> {
        self.state.as_ref().err().map(String::as_str)
    }

    /// The frames that return addresses lead back to, in their order.
    pub(crate) fn frames(&mut self, return_addresses: &[u64]) -> Vec<Frame> {
        let mut unknown: Vec<u64> = return_addresses
            .iter()
            .copied()
            .filter(|address| !self.frames.contains_key(address))
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            self.learn(&unknown);
        }
        return_addresses
            .iter()
            .map(|&address| {
                self.frames
                    .get(&address)
                    .cloned()
                    .unwrap_or_else(|| nameless_frame(address))
            })
            .collect()
    }

    fn learn(&mut self, addresses: &[u64]) {
        if self.frames.len().saturating_add(addresses.len()) > MOST_REMEMBERED {
            self.frames.clear();
        }
        let table = match &mut self.state {
            Ok(table) => table,
            Err(_) => return,
        };
        let later = addresses
            .iter()
            .any(|&address| address >= KERNEL_LOADED_LATER);
        if later && table.read.elapsed() > HOLDS {
            *table = Table::new();
        }
        match table.name(addresses) {
            Ok(frames) => self.frames.extend(frames),
            Err(cause) => self.state = Err(cause),
        }
    }
}

impl Table {
    fn new() -> Self {
        Self {
            symbolizer: Symbolizer::new(),
            source: Source::from(Kernel {
                kallsyms: MaybeDefault::Some(KALLSYMS.into()),
                // The names are the same, and an uncompressed kernel would take long to read.
                vmlinux: MaybeDefault::None,
                ..Kernel::default()
            }),
            modules: modules().unwrap_or_default(),
            read: Instant::now(),
        }
    }

    fn name(&self, addresses: &[u64]) -> Result<Vec<(u64, Frame)>, String> {
        // A return address can be the first of the next function, when a call is the last
        // that a function does.
        let calls: Vec<u64> = addresses
            .iter()
            .map(|address| address.saturating_sub(1))
            .collect();
        let symbolized = self
            .symbolizer
            .symbolize(&self.source, Input::AbsAddr(&calls))
            .map_err(|error| format!("kernel function names could not be read: {error}"))?;
        Ok(addresses
            .iter()
            .zip(symbolized)
            .map(|(&address, found)| {
                let function = found.into_sym().map(|symbol| symbol.name.into_owned());
                let module = self.module(address, function.as_deref());
                let frame = Frame {
                    function,
                    module,
                    ..nameless_frame(address)
                };
                (address, frame)
            })
            .collect())
    }

    fn module(&self, address: u64, function: Option<&str>) -> String {
        if function.is_some_and(|name| name.starts_with("bpf_prog_")) {
            return "[bpf]".to_owned();
        }
        self.modules
            .iter()
            .find(|(range, _)| range.contains(&address))
            .map_or_else(|| "[kernel]".to_owned(), |(_, name)| format!("[{name}]"))
    }
}

fn nameless_frame(address: u64) -> Frame {
    Frame {
        address,
        module: "[kernel]".to_owned(),
        ..Frame::default()
    }
}

/// Where the kernel's modules are: `name size uses users state address`.
fn modules() -> io::Result<Vec<(Range<u64>, String)>> {
    Ok(parse_modules(&fs::read_to_string(MODULES)?))
}

fn parse_modules(text: &str) -> Vec<(Range<u64>, String)> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let name = fields.next()?;
            let size: u64 = fields.next()?.parse().ok()?;
            let address = fields.nth(3)?.strip_prefix("0x")?;
            let address = u64::from_str_radix(address, 16).ok()?;
            (address != 0).then(|| (address..address.saturating_add(size), name.to_owned()))
        })
        .collect()
}

/// Whether functions have names here; if not, why, and after a colon what mends it.
pub(crate) fn readable() -> Result<(), String> {
    match shows_addresses() {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!(
            "kernel function names are hidden ({KALLSYMS}): run lock as root or with CAP_SYSLOG; \
             if kernel.kptr_restrict is 2, also run `sysctl kernel.kptr_restrict=1`"
        )),
        Err(error) => Err(format!(
            "kernel function names could not be read ({KALLSYMS}: {error}): the kernel needs \
             CONFIG_KALLSYMS=y, and /proc must be mounted"
        )),
    }
}

/// Whether addresses in kallsyms are real: they are all zero for those who may not know.
fn shows_addresses() -> io::Result<bool> {
    for line in BufReader::new(File::open(KALLSYMS)?).lines().take(64) {
        if line?
            .bytes()
            .take_while(|&byte| byte != b' ')
            .any(|digit| digit != b'0')
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::{KernelNames, parse_modules};

    #[test]
    fn modules_are_read_where_their_addresses_are_shown() {
        let modules = parse_modules(
            "nf_tables 376832 0 - Live 0xffffffffc0b52000 (E)\n\
             xfs 2000 1 a,b, Live 0x0000000000000000\nbroken\n",
        );
        assert_eq!(modules.len(), 1);
        assert_eq!(modules[0].1, "nf_tables");
        assert!(modules[0].0.contains(&0xffff_ffff_c0b5_2000));
    }

    #[test]
    fn functions_of_this_kernel_have_names_where_these_are_shown() {
        let kallsyms = std::fs::read_to_string("/proc/kallsyms").unwrap();
        let start = kallsyms
            .lines()
            .find_map(|line| line.strip_suffix(" T schedule")?.split(' ').next())
            .map(|address| u64::from_str_radix(address, 16).unwrap())
            .expect("every kernel has schedule()");
        let mut names = KernelNames::new();
        let frames = names.frames(&[start + 9, start + 9]);
        assert_eq!(frames[0], frames[1]);
        match names.nameless() {
            None => assert_eq!(frames[0].function.as_deref(), Some("schedule")),
            Some(why) => assert!(why.contains("kptr_restrict") && start == 0, "{why}"),
        }
    }

    #[test]
    fn an_address_has_one_frame_with_or_without_a_name() {
        let mut names = KernelNames::new();
        let frames = names.frames(&[0xffff_ffff_8100_0010, 8]);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1].address, 8);
        assert_eq!(frames[1].module, "[kernel]");
    }
}
