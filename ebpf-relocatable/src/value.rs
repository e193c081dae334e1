//! Reading members.

use core::{mem::MaybeUninit, slice::from_raw_parts_mut};

use crate::{Member, helper::probe_read_kernel};

/// The error of a read of a member whose size in this kernel is not the declared one: EINVAL.
pub const WRONG_SIZE: i32 = -22;

/// The type of a member that can be read as a value.
///
/// # Safety
/// Reads no more than the declared size.
pub unsafe trait Value {
    /// What reading results in.
    type Read;

    /// Reads the member at `address` with `bpf_probe_read_kernel`, from any pointer.
    ///
    /// # Errors
    /// Where the address cannot be read, or the member's size is not the declared one.
    fn read(address: *const u8, member: impl Member) -> Result<Self::Read, i32>;

    /// Reads the member at `address` with a load instruction.
    ///
    /// # Errors
    /// When the member's size is not the declared one.
    ///
    /// # Safety
    /// The verifier knows the pointer as one to the declared type: an argument of a `tp_btf`,
    /// `fentry`, LSM or iterator program, or what was read from one with a load.
    unsafe fn read_trusted(address: *const u8, member: impl Member) -> Result<Self::Read, i32>;
}

/// A type for which every content of its bytes is a value: an integer, a pointer, an array.
///
/// # Safety
/// As stated.
pub unsafe trait Plain: Copy {
    /// Whether this kernel's member of `size` bytes can be read as this type.
    #[doc(hidden)]
    #[inline(always)]
    fn fits(size: u64) -> bool {
        size == size_of::<Self>() as u64
    }
}

macro_rules! plain {
    ($($integer:ty)*) => {$(
        // SAFETY: an integer.
        unsafe impl Plain for $integer {}
    )*};
}

plain!(i8 i16 i32 i64 u8 u16 u32 u64 isize usize);

// SAFETY: any address is a pointer.
unsafe impl<T> Plain for *const T {}
// SAFETY: as above.
unsafe impl<T> Plain for *mut T {}
// SAFETY: as its elements. A longer array begins with this one.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {
    #[inline(always)]
    fn fits(size: u64) -> bool {
        size >= size_of::<Self>() as u64
    }
}

// SAFETY: reads the size of the type.
unsafe impl<T: Plain> Value for T {
    type Read = T;

    #[inline(always)]
    fn read(address: *const u8, member: impl Member) -> Result<T, i32> {
        if !T::fits(member.byte_size()) {
            return Err(WRONG_SIZE);
        }
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the bytes of `value`, which need not have a value.
        let bytes = unsafe { from_raw_parts_mut(value.as_mut_ptr().cast(), size_of::<T>()) };
        probe_read_kernel(bytes, address)?;
        // SAFETY: the helper has written all of it.
        Ok(unsafe { value.assume_init() })
    }

    #[inline(always)]
    unsafe fn read_trusted(address: *const u8, member: impl Member) -> Result<T, i32> {
        if !T::fits(member.byte_size()) {
            return Err(WRONG_SIZE);
        }
        // SAFETY: by the caller.
        Ok(unsafe { address.cast::<T>().read() })
    }
}

// SAFETY: reads one byte.
unsafe impl Value for bool {
    type Read = bool;

    #[inline(always)]
    fn read(address: *const u8, member: impl Member) -> Result<bool, i32> {
        <u8 as Value>::read(address, member).map(|byte| byte != 0)
    }

    #[inline(always)]
    unsafe fn read_trusted(address: *const u8, member: impl Member) -> Result<bool, i32> {
        // SAFETY: by the caller.
        unsafe { <u8 as Value>::read_trusted(address, member) }.map(|byte| byte != 0)
    }
}
