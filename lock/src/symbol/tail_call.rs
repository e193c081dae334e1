//! Functions without a name that one with a name ends in: `sem_wait` of glibc jumps to the
//! function that waits, which is not exported, and leaves no frame of its own. Distributions
//! strip their libraries, so that only the jump tells.

use std::collections::HashMap;

use gimli::{BaseAddresses, EhFrame, EhFrameHdr, LittleEndian, UnwindSection as _};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, ReadRef};

use crate::{arch, symbol::class_names};

/// The nameless functions of a file in which locking code ends.
#[derive(Debug, Default)]
pub(super) struct TailCalls {
    /// The first address of one -> the locking function that jumps there. None: some that
    /// are about different locks.
    names: HashMap<u64, Option<String>>,
}

impl TailCalls {
    /// Looks through the locking functions that a file exports.
    pub(super) fn of<'data, R: ReadRef<'data>>(elf: &object::File<'data, R>) -> Self {
        let mut found = Self::default();
        for symbol in elf
            .dynamic_symbols()
            .filter(|symbol| symbol.is_definition())
        {
            let Ok(name) = symbol.name() else { continue };
            if class_names::find(name).is_none_or(|known| known.class.is_none()) {
                continue;
            }
            let (start, size) = (symbol.address(), symbol.size());
            let code = elf
                .sections()
                .find_map(|section| section.data_range(start, size).ok().flatten());
            for target in jumps_out(start, code.unwrap_or_default()) {
                found.insert(target, name);
            }
        }
        found
    }

    fn insert(&mut self, target: u64, name: &str) {
        let known = self
            .names
            .entry(target)
            .or_insert_with(|| Some(name.to_owned()));
        let same = |known: &String| class_names::find(known) == class_names::find(name);
        if !known.as_ref().is_some_and(same) {
            *known = None;
        }
    }

    /// Whether there is none, as in most files.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The locking function that ends in the function that begins at `start`.
    pub(super) fn name(&self, start: u64) -> Option<&str> {
        self.names.get(&start)?.as_deref()
    }
}

/// Where a function's jumps lead that leave it. Bytes that only look like a jump lead to no
/// function's first address.
fn jumps_out(start: u64, code: &[u8]) -> impl Iterator<Item = u64> {
    let own = start..start.saturating_add(code.len() as u64);
    arch::jumps(start, code).filter(move |target| !own.contains(target))
}

/// The first address of the function that `address` is in, by the unwind information that
/// every function has: bytes and address of `.eh_frame_hdr` and `.eh_frame`.
pub(super) fn function_start(
    header: (&[u8], u64),
    frames: (&[u8], u64),
    address: u64,
) -> Option<u64> {
    let bases = BaseAddresses::default()
        .set_eh_frame_hdr(header.1)
        .set_eh_frame(frames.1);
    let eh_frame = EhFrame::new(frames.0, LittleEndian);
    let parsed = EhFrameHdr::new(header.0, LittleEndian)
        .parse(&bases, 8)
        .ok()?;
    let entry = parsed
        .table()?
        .fde_for_address(&eh_frame, &bases, address, EhFrame::cie_from_offset)
        .ok()?;
    Some(entry.initial_address())
}
