//! What `#[btf_relocatable]` implements: the questions that a loader answers for its kernel.
//!
//! Each answer is a function that `ebpf-build` defines and the linker inlines. What is left of
//! it is one instruction with a relocation.

/// A declared type.
///
/// # Safety
/// Implemented by `#[btf_relocatable]` only.
pub unsafe trait Relocatable {
    /// Whether this kernel has a type of this name and kind: 0 or 1.
    fn exists() -> u64;
    /// Its size.
    fn byte_size() -> u64;
    /// Whether it has all declared members, of the declared types: 0 or 1.
    fn matches() -> u64;
}

/// A declared struct or union.
pub trait Record: Relocatable {
    /// A type without content, whose fields are named as the members and are a [`Member`] each.
    type Members;
    /// Its only value.
    const MEMBERS: Self::Members;
}

/// A member of a declared struct or union.
///
/// # Safety
/// Implemented by `#[btf_relocatable]` only.
pub unsafe trait Member: Copy {
    /// The type that it is a member of.
    type Of;
    /// The declared type of the member.
    type Value;
    /// Where it is, from the begin of the type; of a bit field, where to read `byte_size` bytes.
    fn byte_offset(self) -> u64;
    /// Its size; of a bit field, how many bytes to read.
    fn byte_size(self) -> u64;
    /// Whether this kernel has it: 0 or 1.
    fn exists(self) -> u64;
    /// Whether it is a signed integer: 0 or 1.
    fn signed(self) -> u64;
    /// How far to shift what was read of it to the left, as 64 bits.
    fn left_shift(self) -> u64;
    /// How far to shift that to the right.
    fn right_shift(self) -> u64;
}

/// A member of an embedded struct or union, as a member of the outer one.
#[derive(Debug, Clone, Copy)]
pub struct Path<A, B>(pub(crate) A, pub(crate) B);

// SAFETY: sums of what its parts answer.
unsafe impl<A, B> Member for Path<A, B>
where
    A: Member,
    B: Member<Of = A::Value>,
{
    type Of = A::Of;
    type Value = B::Value;

    #[inline(always)]
    fn byte_offset(self) -> u64 {
        self.0.byte_offset() + self.1.byte_offset()
    }

    #[inline(always)]
    fn byte_size(self) -> u64 {
        self.1.byte_size()
    }

    #[inline(always)]
    fn exists(self) -> u64 {
        self.0.exists() & self.1.exists()
    }

    #[inline(always)]
    fn signed(self) -> u64 {
        self.1.signed()
    }

    #[inline(always)]
    fn left_shift(self) -> u64 {
        self.1.left_shift()
    }

    #[inline(always)]
    fn right_shift(self) -> u64 {
        self.1.right_shift()
    }
}

/// A declared enum.
pub trait Enumeration: Relocatable {
    /// A type without content, whose fields are named as the enumerators.
    type Values;
    /// Its only value.
    const VALUES: Self::Values;
}

/// A named value of a declared enum.
///
/// # Safety
/// Implemented by `#[btf_relocatable]` only.
pub unsafe trait Enumerator: Copy {
    /// The enum.
    type Of;
    /// Whether this kernel has it: 0 or 1.
    fn exists(self) -> u64;
    /// Its value.
    fn value(self) -> u64;
}
