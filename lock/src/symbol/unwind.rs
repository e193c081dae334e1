//! User stacks of programs with and without frame pointers, from their unwind information
//! and a copy of the top of the stack.

use framehop::{Error, Module as Unwindable, Unwinder as _};

use crate::{
    arch::{Unwinder, UnwinderCache, UnwinderRegisters},
    symbol::code_file::Bytes,
};

/// Where a thread stood when it went to sleep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Registers {
    /// The instruction that is next.
    pub(crate) ip: u64,
    /// The stack's top.
    pub(crate) sp: u64,
    /// The frame pointer, if the program keeps one.
    pub(crate) bp: u64,
}

/// A stack as addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unwound {
    /// The instruction pointer, then return addresses, innermost first.
    pub(crate) addresses: Vec<u64>,
    /// Whether the stack goes on: bytes of it or unwind information were missing.
    pub(crate) cut: bool,
    /// The address outside all code that it was cut at, if that is why.
    pub(crate) unknown: Option<u64>,
}

/// How to unwind one process.
pub(crate) type ProcessUnwinder = Unwinder<Bytes>;

/// The most frames of a stack.
const MOST_FRAMES: usize = 256;

/// After how many modules all unwinders have to be made anew: framehop tells unwinders apart
/// by a number of 16 bits in its cache.
const MOST_MODULES: u32 = 60_000;

/// What all processes' unwinding shares.
#[derive(Default)]
pub(crate) struct Cache {
    rules: UnwinderCache,
    modules: u32,
}

impl Cache {
    /// Adds a module to a process's unwinder.
    pub(crate) fn add(&mut self, unwinder: &mut ProcessUnwinder, module: Unwindable<Bytes>) {
        unwinder.add_module(module);
        self.modules = self.modules.saturating_add(1);
    }

    /// Whether all unwinders have to be made anew; then forgets its own part.
    pub(crate) fn outworn(&mut self) -> bool {
        let outworn = self.modules >= MOST_MODULES;
        if outworn {
            *self = Self::default();
        }
        outworn
    }

    /// Unwinds a stack whose top is `stack`: bytes from `registers.sp` upwards. `is_code`
    /// says whether code is at an address.
    pub(crate) fn unwind(
        &mut self,
        unwinder: &ProcessUnwinder,
        registers: Registers,
        stack: &[u8],
        is_code: impl Fn(u64) -> bool,
    ) -> Unwound {
        let Registers { ip, sp, bp } = registers;
        let mut read = |address: u64| -> Result<u64, ()> {
            let start = usize::try_from(address.checked_sub(sp).ok_or(())?).map_err(|_| ())?;
            let bytes = stack.get(start..).and_then(<[u8]>::first_chunk::<8>);
            Ok(u64::from_le_bytes(*bytes.ok_or(())?))
        };
        let mut frames = unwinder.iter_frames(
            ip,
            UnwinderRegisters::new(ip, sp, bp),
            &mut self.rules,
            &mut read,
        );
        let mut unwound = Unwound::default();
        loop {
            match frames.next() {
                Ok(Some(frame)) => {
                    if unwound.addresses.len() >= MOST_FRAMES {
                        unwound.cut = true;
                        break;
                    }
                    if frame.is_return_address() && !is_code(frame.address_for_lookup()) {
                        unwound.cut = true;
                        unwound.unknown = Some(frame.address());
                        break;
                    }
                    unwound.addresses.push(frame.address());
                }
                // The outermost frame pointer is zero: the ABI says so.
                Ok(None) | Err(Error::ReturnAddressIsNull | Error::CouldNotReadStack(0 | 8)) => {
                    // Nothing is known of a process that ended before.
                    unwound.cut = unwound.addresses.len() == 1 && !is_code(ip);
                    break;
                }
                Err(_) => {
                    unwound.cut = true;
                    break;
                }
            }
        }
        unwound
    }
}
