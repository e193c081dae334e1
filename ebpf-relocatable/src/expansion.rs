//! What the macros expand to.

use crate::{Hop, Member, Path, Record, Value};

#[inline(always)]
pub fn members_of<T: Record>(_: *const T) -> T::Members {
    T::MEMBERS
}

#[inline(always)]
pub fn then<A, B, F>(outer: A, inner: F) -> Path<A, B>
where
    A: Member<Value: Record>,
    B: Member<Of = A::Value>,
    F: FnOnce(<A::Value as Record>::Members) -> B,
{
    Path(outer, inner(A::Value::MEMBERS))
}

#[inline(always)]
fn address_of<M: Member>(base: *const M::Of, member: M) -> *const u8 {
    base.cast::<u8>()
        .wrapping_add(member.byte_offset() as usize)
}

#[inline(always)]
pub fn address<M: Member>(base: *const M::Of, member: M) -> Result<*const M::Value, i32>
where
    M::Value: Sized,
{
    Ok(address_of(base, member).cast())
}

#[inline(always)]
pub fn hop<M>(base: *const M::Of, member: M) -> Result<*const <M::Value as Hop>::Next, i32>
where
    M: Member<Value: Hop>,
{
    M::Value::hop(address_of(base, member), member)
}

/// # Safety
/// As [`Hop::hop_trusted`].
#[inline(always)]
pub unsafe fn hop_trusted<M>(
    base: *const M::Of,
    member: M,
) -> Result<*const <M::Value as Hop>::Next, i32>
where
    M: Member<Value: Hop>,
{
    // SAFETY: by the caller.
    unsafe { M::Value::hop_trusted(address_of(base, member), member) }
}

#[inline(always)]
pub fn read<M>(base: *const M::Of, member: M) -> Result<<M::Value as Value>::Read, i32>
where
    M: Member<Value: Value>,
{
    M::Value::read(address_of(base, member), member)
}

/// # Safety
/// As [`Value::read_trusted`].
#[inline(always)]
pub unsafe fn read_trusted<M>(
    base: *const M::Of,
    member: M,
) -> Result<<M::Value as Value>::Read, i32>
where
    M: Member<Value: Value>,
{
    // SAFETY: by the caller.
    unsafe { M::Value::read_trusted(address_of(base, member), member) }
}
