//! Members with members: what a path goes through.

use crate::{Member, Value};

/// The type of a member that has members itself: a pointer, or an embedded struct or union.
///
/// # Safety
/// As [`Value`].
pub unsafe trait Hop {
    /// The type whose members follow.
    type Next;

    /// The pointer to the next type, where the member is at `address`.
    ///
    /// # Errors
    /// As [`Value::read`], where a pointer is read.
    fn hop(address: *const u8, member: impl Member) -> Result<*const Self::Next, i32>;

    /// As [`Hop::hop`], with a load instruction.
    ///
    /// # Errors
    /// As [`Value::read_trusted`], where a pointer is read.
    ///
    /// # Safety
    /// As there.
    unsafe fn hop_trusted(
        address: *const u8,
        member: impl Member,
    ) -> Result<*const Self::Next, i32>;
}

macro_rules! pointer {
    ($($pointer:ty)*) => {$(
        // SAFETY: reads the pointer.
        unsafe impl<T> Hop for $pointer {
            type Next = T;

            #[inline(always)]
            fn hop(address: *const u8, member: impl Member) -> Result<*const T, i32> {
                <*const T as Value>::read(address, member)
            }

            #[inline(always)]
            unsafe fn hop_trusted(
                address: *const u8,
                member: impl Member,
            ) -> Result<*const T, i32> {
                // SAFETY: by the caller.
                unsafe { <*const T as Value>::read_trusted(address, member) }
            }
        }
    )*};
}

pointer!(*const T *mut T);
