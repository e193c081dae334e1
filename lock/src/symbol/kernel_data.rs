//! Names of locks of which the kernel has one each, by the symbols of its data. Kernels that are
//! built with CONFIG_KALLSYMS_ALL show these, as those of most distributions are.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
};

use crate::{arch::KERNEL_IMAGE, symbol::kernel::KALLSYMS};

/// The largest structure that a lock is looked for in, in bytes.
const LARGEST: u64 = 1 << 16;

/// The kernel's data, by address. Read when the first lock is looked for.
#[derive(Default)]
pub(crate) struct KernelData {
    symbols: Option<Vec<(u64, Box<str>)>>,
}

impl KernelData {
    /// The name of what is at an address: `cgroup_mutex`, or `init_net+0x40` within a larger
    /// structure. None if it is not the image's, or the kernel does not name its data.
    pub(crate) fn name(&mut self, address: u64) -> Option<String> {
        if address < KERNEL_IMAGE {
            return None;
        }
        let symbols = self.symbols.get_or_insert_with(|| {
            File::open(KALLSYMS)
                .and_then(|file| parse(BufReader::new(file)))
                .unwrap_or_default()
        });
        let after = symbols.partition_point(|(start, _)| *start <= address);
        let (start, name) = symbols.get(after.checked_sub(1)?)?;
        match address.saturating_sub(*start) {
            0 => Some(name.to_string()),
            offset if offset < LARGEST => Some(format!("{name}+{offset:#x}")),
            _ => None,
        }
    }
}

/// The data of kallsyms, sorted: lines `address type name`, with `[module]` behind the name of a
/// module's. Addresses that are hidden are zero.
fn parse(text: impl BufRead) -> io::Result<Vec<(u64, Box<str>)>> {
    let mut symbols = Vec::new();
    for line in text.lines() {
        let line = line?;
        let mut words = line.split_ascii_whitespace();
        if let (Some(address), Some(kind), Some(name)) = (words.next(), words.next(), words.next())
            && is_data(kind)
            && let Ok(address) = u64::from_str_radix(address, 16)
            && address >= KERNEL_IMAGE
        {
            symbols.push((address, name.into()));
        }
    }
    symbols.sort();
    Ok(symbols)
}

/// Whether kallsyms has data, too (CONFIG_KALLSYMS_ALL).
pub(crate) fn shown() -> bool {
    let Ok(file) = File::open(KALLSYMS) else {
        return false;
    };
    BufReader::new(file)
        .lines()
        .map_while(Result::ok)
        .any(|line| line.split(' ').nth(1).is_some_and(is_data))
}

/// Whether a symbol's type, as nm has them, is that of data. Some is there without
/// CONFIG_KALLSYMS_ALL, too, of the types A and V.
fn is_data(kind: &str) -> bool {
    matches!(kind, "b" | "B" | "d" | "D")
}

#[cfg(test)]
mod tests {
    use super::{KernelData, LARGEST, parse};

    #[test]
    fn data_is_named_and_what_is_within_it() {
        let text = "ffffffff81000000 T _stext\n\
                    ffffffff82a0f840 D init_net\n\
                    ffffffff82a0e4c0 d cgroup_mutex\n\
                    0000000000000000 b hidden\n\
                    ffffffffc0b52000 b table_lock\t[nf_tables]\n\
                    broken\n";
        let mut data = KernelData {
            symbols: Some(parse(text.as_bytes()).unwrap()),
        };
        let mut name = |address| data.name(address);
        assert_eq!(name(0xffff_ffff_82a0_e4c0).as_deref(), Some("cgroup_mutex"));
        assert_eq!(
            name(0xffff_ffff_82a0_f880).as_deref(),
            Some("init_net+0x40")
        );
        assert_eq!(name(0xffff_ffff_c0b5_2000).as_deref(), Some("table_lock"));
        assert_eq!(name(0xffff_ffff_c0b5_2000 + LARGEST), None);
        assert_eq!(name(0xffff_ffff_8100_0000), None);
        assert_eq!(name(0xffff_8881_0000_0000), None);
    }
}
