//! The value that a path through a type gives for a question.

use ebpf_base::btf::{Btf, Kind};

use super::{Question, Subject, is_enum, spec::Spec};

/// The number for an instruction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Computed {
    /// The number that the compiler wrote; none if it need not be the same.
    pub(super) expected: Option<u64>,
    /// The number that this kernel has.
    pub(super) value: u64,
    /// The kernel does not have what is accessed: the instruction must not be reached.
    pub(super) poisoned: bool,
    /// What changes in the size of a memory access.
    pub(super) resize: Resize,
}

/// What changes in the size of a memory access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resize {
    Same,
    /// From so many bytes to so many.
    To(u32, u32),
    /// A value that cannot just be read with another size.
    Impossible,
}

impl Computed {
    /// The id of a type of the object, which linkers may have changed.
    pub(super) fn type_id(id: u32) -> Self {
        Self {
            expected: None,
            value: u64::from(id),
            poisoned: false,
            resize: Resize::Same,
        }
    }
}

/// The answer of one BTF.
#[derive(Debug, Clone, Copy, Default)]
struct Answer {
    value: u64,
    /// Size and type of what is read, for the offset of a field.
    field: Option<(u32, u32)>,
    /// Whether the compiler's number may be another one.
    unsure: bool,
}

/// A type in its BTF.
type In<'btf> = (&'btf Btf<'btf>, &'btf Spec);

/// Follows "the relocation for `x`", as all causes here do.
const WITHOUT_SIZE: &str = "requires the size of a type without a size";

/// The number for `question`; `kernel` is none if no type of the kernel has the path.
pub(super) fn compute(
    question: Question,
    local: In<'_>,
    kernel: Option<In<'_>>,
) -> Result<Computed, &'static str> {
    let compiled = answer(question, local)?;
    let Some(kernel) = kernel else {
        let absent_is_zero = question.subject() == Subject::Type
            || matches!(question, Question::FieldExists | Question::EnumeratorExists);
        return Ok(Computed {
            expected: (!compiled.unsure).then_some(compiled.value),
            value: 0,
            poisoned: !absent_is_zero,
            resize: Resize::Same,
        });
    };
    let found = answer(question, kernel)?;
    Ok(Computed {
        expected: (!compiled.unsure).then_some(compiled.value),
        value: found.value,
        poisoned: false,
        resize: resize((local.0, compiled.field), (kernel.0, found.field)),
    })
}

type Field<'btf> = (&'btf Btf<'btf>, Option<(u32, u32)>);

/// Pointers and unsigned numbers are read with the size that they have in the kernel.
fn resize((local, one): Field<'_>, (kernel, other): Field<'_>) -> Resize {
    let (Some((size, one)), Some((new_size, other))) = (one, other) else {
        return Resize::Same;
    };
    if size == new_size {
        return Resize::Same;
    }
    let unsigned = |btf: &Btf<'_>, id| {
        let int = btf.resolve(id).and_then(|found| btf.int(found));
        int.is_some_and(|int| !int.signed)
    };
    let pointer = |btf: &Btf<'_>, id| btf.resolve(id).is_some_and(|found| found.kind == Kind::Ptr);
    let fits = pointer(local, one) && pointer(kernel, other)
        || unsigned(local, one) && unsigned(kernel, other);
    if fits {
        Resize::To(size, new_size)
    } else {
        Resize::Impossible
    }
}

fn answer(question: Question, spec: In<'_>) -> Result<Answer, &'static str> {
    let plain = |value| Answer {
        value,
        ..Answer::default()
    };
    match question {
        Question::FieldExists
        | Question::TypeExists
        | Question::TypeMatches
        | Question::EnumeratorExists => Ok(plain(1)),
        Question::LocalTypeId | Question::KernelTypeId => Ok(Answer {
            value: u64::from(spec.1.root),
            unsure: true,
            ..Answer::default()
        }),
        Question::TypeSize => spec
            .0
            .size(spec.1.root)
            .map(|size| plain(u64::from(size)))
            .ok_or(WITHOUT_SIZE),
        Question::EnumeratorValue => enumerator(spec)
            .map(plain)
            .ok_or("refers to an enumerator that the enum does not contain"),
        Question::FieldOffset
        | Question::FieldSize
        | Question::FieldSigned
        | Question::FieldLeftShift
        | Question::FieldRightShift => field(question, spec),
    }
}

fn enumerator((btf, spec): In<'_>) -> Option<u64> {
    let step = spec.steps.first()?;
    let values = btf.enumerator_values(btf.get(step.type_id)?);
    values
        .into_iter()
        .nth(step.index)
        .map(|member| member.value)
}

fn field(question: Question, (btf, spec): In<'_>) -> Result<Answer, &'static str> {
    let damaged = "does not match the object's BTF";
    let step = spec.steps.last().ok_or(damaged)?;
    if !step.is_member() {
        let size = btf.size(step.type_id).ok_or(WITHOUT_SIZE)?;
        return match question {
            Question::FieldOffset => Ok(Answer {
                value: u64::from(spec.bit_offset / 8),
                field: Some((size, step.type_id)),
                unsure: false,
            }),
            Question::FieldSize => Ok(Answer {
                value: u64::from(size),
                ..Answer::default()
            }),
            _ => Err("asks for the signedness or bits of an array element"),
        };
    }
    let structure = btf.get(step.type_id).ok_or(damaged)?;
    let member = btf.members(structure).nth(step.index).ok_or(damaged)?;
    let found = btf.resolve(member.type_id).ok_or(damaged)?;
    let place = Place::of(btf, spec.bit_offset, member.type_id, member.bits)?;
    let mut answer = Answer {
        unsure: place.is_bit_field,
        ..Answer::default()
    };
    answer.value = match question {
        Question::FieldOffset => {
            if !place.is_bit_field {
                answer.field = element(btf, member.type_id);
            }
            u64::from(place.byte)
        }
        Question::FieldSize => u64::from(place.bytes),
        Question::FieldSigned => {
            answer.unsure = false;
            let signed = btf.int(found).is_some_and(|int| int.signed);
            u64::from(signed || is_enum(found.kind) && found.flag)
        }
        Question::FieldLeftShift => {
            let before = u64::from(spec.bit_offset - place.byte * 8);
            if cfg!(target_endian = "little") {
                64_u64.saturating_sub(before + u64::from(place.bits))
            } else {
                8_u64.saturating_sub(u64::from(place.bytes)) * 8 + before
            }
        }
        _ => {
            answer.unsure = false;
            64_u64.saturating_sub(u64::from(place.bits))
        }
    };
    Ok(answer)
}

/// Size and type of the elements of a field, or of the field.
fn element(btf: &Btf<'_>, type_id: u32) -> Option<(u32, u32)> {
    let mut id = btf.resolve_id(type_id)?;
    // As deep as arrays nest at most.
    for _ in 0..32 {
        match btf.get(id).and_then(|found| btf.array(found)) {
            Some(array) => id = btf.resolve_id(array.element)?,
            None => return Some((btf.size(id)?, id)),
        }
    }
    None
}

/// Which bytes contain a field.
struct Place {
    byte: u32,
    bytes: u32,
    bits: u32,
    is_bit_field: bool,
}

impl Place {
    fn of(btf: &Btf<'_>, bit_offset: u32, type_id: u32, bits: u32) -> Result<Self, &'static str> {
        let size = btf.size(type_id).ok_or(WITHOUT_SIZE)?;
        if bits == 0 {
            return Ok(Self {
                byte: bit_offset / 8,
                bytes: size,
                bits: size.saturating_mul(8),
                is_bit_field: false,
            });
        }
        // The smallest aligned integer that contains all bits.
        let mut bytes = size.max(1);
        loop {
            let byte = bit_offset / 8 / bytes * bytes;
            if bit_offset + bits - byte * 8 <= bytes.saturating_mul(8) {
                return Ok(Self {
                    byte,
                    bytes,
                    bits,
                    is_bit_field: true,
                });
            }
            if bytes >= 8 {
                return Err(
                    "refers to a bit field that spans more than 8 bytes, too many for one load",
                );
            }
            bytes *= 2;
        }
    }
}
