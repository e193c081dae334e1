//! Whether a type of an object and one of a kernel may be the same.

use ebpf_base::btf::{Btf, Kind, Type};

use super::{is_enum, kinds_are_compatible, without_flavor};

/// How deep types are compared, as in libbpf.
const DEPTH: usize = 32;

/// A type in its BTF.
type In<'btf> = (&'btf Btf<'btf>, u32);

/// The types behind typedefs and qualifiers.
///
/// # Errors
/// Where one is `void` or damaged: whether both are `void`.
fn resolve(local: In<'_>, kernel: In<'_>) -> Result<(Type, Type), bool> {
    let ids = |(btf, id): In<'_>| btf.resolve_id(id);
    let (Some(one), Some(other)) = (ids(local), ids(kernel)) else {
        return Err(false);
    };
    match (local.0.get(one), kernel.0.get(other)) {
        (Some(one), Some(other)) => Ok((one, other)),
        (None, None) => Err(true),
        _ => Err(false),
    }
}

/// Whether two types are of the same shape (`bpf_core_types_are_compat`). Names are not
/// compared.
pub fn types_are_compatible(local: In<'_>, kernel: In<'_>) -> bool {
    compatible(local, kernel, DEPTH)
}

fn compatible(local: In<'_>, kernel: In<'_>, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    let (one, other) = match resolve(local, kernel) {
        Ok(types) => types,
        Err(same) => return same,
    };
    if !kinds_are_compatible(one.kind, other.kind) {
        return false;
    }
    match one.kind {
        Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 | Kind::Fwd => true,
        Kind::Int => plain_integers(local.0, one, kernel.0, other),
        Kind::Ptr => compatible(
            (local.0, one.size_or_type),
            (kernel.0, other.size_or_type),
            depth,
        ),
        Kind::Array => match (local.0.array(one), kernel.0.array(other)) {
            (Some(one), Some(other)) => {
                compatible((local.0, one.element), (kernel.0, other.element), depth)
            }
            _ => false,
        },
        Kind::FuncProto => {
            let result = compatible(
                (local.0, one.size_or_type),
                (kernel.0, other.size_or_type),
                depth,
            );
            result
                && one.vlen == other.vlen
                && local
                    .0
                    .prototype(one)
                    .zip(kernel.0.prototype(other))
                    .all(|(one, other)| {
                        compatible((local.0, one.type_id), (kernel.0, other.type_id), depth)
                    })
        }
        // Of functions, their prototypes.
        Kind::Func => compatible(
            (local.0, one.size_or_type),
            (kernel.0, other.size_or_type),
            depth,
        ),
        _ => false,
    }
}

/// Integers are compatible at any size, but not old bit fields.
fn plain_integers(local: &Btf<'_>, one: Type, kernel: &Btf<'_>, other: Type) -> bool {
    [local.int(one), kernel.int(other)]
        .iter()
        .all(|int| int.is_some_and(|int| int.bit_offset == 0))
}

/// Whether fields of these types may be the same (`bpf_core_fields_are_compat`).
pub(super) fn fields_are_compatible(local: In<'_>, kernel: In<'_>) -> bool {
    let (mut local, mut kernel) = (local, kernel);
    for _ in 0..DEPTH {
        let Ok((one, other)) = resolve(local, kernel) else {
            return false;
        };
        let composite = |kind| matches!(kind, Kind::Struct | Kind::Union);
        if composite(one.kind) && composite(other.kind) {
            return true;
        }
        if !kinds_are_compatible(one.kind, other.kind) {
            return false;
        }
        return match one.kind {
            Kind::Ptr | Kind::Float => true,
            Kind::Int => plain_integers(local.0, one, kernel.0, other),
            kind if is_enum(kind) || kind == Kind::Fwd => {
                let [one, other] = [local.0.name(one.name), kernel.0.name(other.name)];
                one.is_empty() || other.is_empty() || without_flavor(one) == without_flavor(other)
            }
            Kind::Array => match (local.0.array(one), kernel.0.array(other)) {
                (Some(one), Some(other)) => {
                    local.1 = one.element;
                    kernel.1 = other.element;
                    continue;
                }
                _ => false,
            },
            _ => false,
        };
    }
    false
}

/// Whether two types match by names and members, too (`bpf_core_types_match`).
pub(super) fn types_match(local: In<'_>, kernel: In<'_>) -> bool {
    matching(local, kernel, false, DEPTH)
}

fn matching(local: In<'_>, kernel: In<'_>, behind_pointer: bool, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    let (one, other) = match resolve(local, kernel) {
        Ok(types) => types,
        Err(same) => return same,
    };
    let same_name = {
        let [one, other] = [local.0.name(one.name), kernel.0.name(other.name)];
        without_flavor(one) == without_flavor(other)
    };
    if !same_name {
        return false;
    }
    let composite = |kind| matches!(kind, Kind::Struct | Kind::Union);
    if behind_pointer && (one.kind == Kind::Fwd || other.kind == Kind::Fwd) {
        // A forward declaration matches a structure or, with its flag, a union.
        let kind_of = |found: Type| match found.kind {
            Kind::Fwd if found.flag => Kind::Union,
            Kind::Fwd => Kind::Struct,
            kind => kind,
        };
        return kind_of(one) == kind_of(other);
    }
    if one.kind == Kind::Fwd && other.kind == Kind::Fwd {
        return one.flag == other.flag;
    }
    if !kinds_are_compatible(one.kind, other.kind) {
        return false;
    }
    match one.kind {
        Kind::Enum | Kind::Enum64 => local.0.enumerators(one).all(|wanted| {
            let wanted = without_flavor(local.0.name(wanted));
            kernel
                .0
                .enumerators(other)
                .any(|found| without_flavor(kernel.0.name(found)) == wanted)
        }),
        kind if composite(kind) => {
            // Behind a pointer the names are enough.
            behind_pointer
                || local.0.members(one).all(|wanted| {
                    let name = without_flavor(local.0.name(wanted.name));
                    kernel.0.members(other).any(|found| {
                        without_flavor(kernel.0.name(found.name)) == name
                            && matching(
                                (local.0, wanted.type_id),
                                (kernel.0, found.type_id),
                                false,
                                depth,
                            )
                    })
                })
        }
        Kind::Int => {
            plain_integers(local.0, one, kernel.0, other)
                && one.size_or_type == other.size_or_type
                && local.0.int(one).map(|int| int.signed)
                    == kernel.0.int(other).map(|int| int.signed)
        }
        Kind::Ptr => matching(
            (local.0, one.size_or_type),
            (kernel.0, other.size_or_type),
            true,
            depth,
        ),
        Kind::Array => match (local.0.array(one), kernel.0.array(other)) {
            (Some(one), Some(other)) => {
                one.len == other.len
                    && matching(
                        (local.0, one.element),
                        (kernel.0, other.element),
                        behind_pointer,
                        depth,
                    )
            }
            _ => false,
        },
        Kind::FuncProto => {
            one.vlen == other.vlen
                && local
                    .0
                    .prototype(one)
                    .zip(kernel.0.prototype(other))
                    .all(|(one, other)| {
                        matching(
                            (local.0, one.type_id),
                            (kernel.0, other.type_id),
                            behind_pointer,
                            depth,
                        )
                    })
                && matching(
                    (local.0, one.size_or_type),
                    (kernel.0, other.size_or_type),
                    behind_pointer,
                    depth,
                )
        }
        _ => false,
    }
}
