//! Bit fields.

use core::{marker::PhantomData, mem::MaybeUninit};

use crate::{Member, Value, WRONG_SIZE, helper::probe_read_kernel};

/// A bit field of `N` bits of an integer type: C's `unsigned sched_migrated:1` is
/// `sched_migrated: Bits<u32, 1>`.
///
/// As a declared type it is also for an integer whose width differs between kernels: it is
/// read with the width of this kernel, then converted to `T`.
pub struct Bits<T, const N: u32> {
    _opaque: PhantomData<T>,
}

/// The integer types of bit fields.
///
/// # Safety
/// Implemented here only.
pub unsafe trait Integer {
    /// Its last bits.
    #[doc(hidden)]
    fn truncated(bits: u64) -> Self;
}

macro_rules! integer {
    ($($integer:ty)*) => {$(
        // SAFETY: nothing is read.
        unsafe impl Integer for $integer {
            #[inline(always)]
            fn truncated(bits: u64) -> Self {
                bits as Self
            }
        }
    )*};
}

integer!(i8 i16 i32 i64 u8 u16 u32 u64 isize usize);

/// The value, of the word that contains it.
#[inline(always)]
fn extract<T: Integer>(word: u64, member: impl Member) -> T {
    let left = word.wrapping_shl(member.left_shift() as u32);
    let right = member.right_shift() as u32;
    T::truncated(if member.signed() != 0 {
        (left as i64).wrapping_shr(right) as u64
    } else {
        left.wrapping_shr(right)
    })
}

// SAFETY: reads at most eight bytes, which a word has.
unsafe impl<T: Integer, const N: u32> Value for Bits<T, N> {
    type Read = T;

    #[inline(always)]
    fn read(address: *const u8, member: impl Member) -> Result<T, i32> {
        let size = member.byte_size() as usize;
        let mut bytes = [MaybeUninit::new(0_u8); size_of::<u64>()];
        // The last bytes of a number are the lowest ones on a big-endian machine.
        let read = match cfg!(target_endian = "big") {
            true => size_of::<u64>()
                .checked_sub(size)
                .and_then(|unused| bytes.get_mut(unused..)),
            false => bytes.get_mut(..size),
        };
        probe_read_kernel(read.ok_or(WRONG_SIZE)?, address)?;
        // SAFETY: all bytes have a value.
        let word = u64::from_ne_bytes(bytes.map(|byte| unsafe { byte.assume_init() }));
        Ok(extract(word, member))
    }

    #[inline(always)]
    unsafe fn read_trusted(address: *const u8, member: impl Member) -> Result<T, i32> {
        // SAFETY: by the caller, a load within the member's word.
        let word = unsafe {
            match member.byte_size() {
                1 => u64::from(address.read()),
                2 => u64::from(address.cast::<u16>().read()),
                4 => u64::from(address.cast::<u32>().read()),
                8 => address.cast::<u64>().read(),
                _ => return Err(WRONG_SIZE),
            }
        };
        Ok(extract(word, member))
    }
}
