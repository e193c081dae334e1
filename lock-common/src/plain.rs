//! Data that is the same bytes on both sides, proved at compile time.

/// Data that is the same bytes on both sides: `repr(C)`, no padding, and valid for
/// every bit pattern.
///
/// # Safety
///
/// Only for types with these three properties. `shared!` proves them.
pub unsafe trait Plain: Copy + 'static {}

/// Declares shared types and proves, for each, that its size is the sum of its fields.
macro_rules! shared {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)+
        }
    )+) => {$(
        $(#[$meta])*
        #[repr(C)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)+
        }

        const _: () = {
            assert!(
                size_of::<$name>() == 0 $(+ size_of::<$type>())+,
                concat!(stringify!($name), " has hidden padding")
            );
            const fn plain<T: $crate::Plain>() {}
            $(plain::<$type>();)+
        };

        // SAFETY: repr(C); the assertion above rules padding out; every field is Plain.
        unsafe impl $crate::Plain for $name {}
    )+};
}

// SAFETY: integers have no padding, and every bit pattern is one of their values.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for u8 {}
// SAFETY: an array has no padding between elements that have none.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}
