//! Names of kernel functions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufRead as _, BufReader},
};

use blazesym::{
    MaybeDefault,
    symbolize::{
        Input, Symbolizer,
        source::{Kernel, Source},
    },
};

const KALLSYMS: &str = "/proc/kallsyms";

/// What is known of the functions at some addresses.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    /// Return address -> function.
    pub(crate) names: BTreeMap<u64, String>,
    /// Why there are none, and what mends it, where that is so.
    pub(crate) nameless: Option<String>,
}

/// Names the functions that return addresses lead back to.
pub(crate) fn functions(return_addresses: &BTreeSet<u64>) -> Functions {
    match names(return_addresses) {
        Ok(names) => Functions {
            names,
            nameless: None,
        },
        Err(cause) => Functions {
            names: BTreeMap::new(),
            nameless: Some(cause),
        },
    }
}

fn names(return_addresses: &BTreeSet<u64>) -> Result<BTreeMap<u64, String>, String> {
    if return_addresses.is_empty() {
        return Ok(BTreeMap::new());
    }
    match shows_addresses() {
        Ok(true) => {}
        Ok(false) => {
            return Err(format!(
                "function names are hidden from this user ({KALLSYMS}): run lock as root, or \
                 `sysctl kernel.kptr_restrict=1` and give it CAP_SYSLOG"
            ));
        }
        Err(error) => {
            return Err(format!(
                "function names could not be read ({KALLSYMS}: {error}): the kernel needs \
                 CONFIG_KALLSYMS=y, and /proc must be mounted"
            ));
        }
    }
    let source = Source::from(Kernel {
        kallsyms: MaybeDefault::Some(KALLSYMS.into()),
        // The names are the same, and an uncompressed kernel would take long to read.
        vmlinux: MaybeDefault::None,
        ..Kernel::default()
    });
    // A return address can be the first of the next function, when a call is the last
    // that a function does.
    let calls: Vec<u64> = return_addresses
        .iter()
        .map(|address| address.saturating_sub(1))
        .collect();
    let symbolizer = Symbolizer::new();
    let symbolized = symbolizer
        .symbolize(&source, Input::AbsAddr(&calls))
        .map_err(|error| format!("function names could not be read: {error}"))?;
    Ok(return_addresses
        .iter()
        .zip(symbolized)
        .filter_map(|(&address, found)| Some((address, found.into_sym()?.name.into_owned())))
        .collect())
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
