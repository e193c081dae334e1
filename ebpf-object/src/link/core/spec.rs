//! A path through a type: `0:1:3` is the fourth member of the second member.

use ebpf_base::btf::{Array, Btf, Kind, Member, Type};

use super::{
    Question, Subject,
    compat::{fields_are_compatible, types_are_compatible, types_match},
    is_enum, without_flavor,
};

/// More steps than any path has (`BPF_CORE_SPEC_MAX_LEN`), and members that are looked
/// at in nested anonymous structures.
const MAX_STEPS: usize = 64;

/// A path through a type of one BTF.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    /// The type at its beginning.
    pub(super) root: u32,
    /// The steps that have a meaning in other BTF, too.
    pub(super) steps: Vec<Step>,
    /// Where it leads to, in bits from the beginning.
    pub(super) bit_offset: u32,
}

/// A step of a path.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The structure or enumeration that has the member; else the element's type.
    pub(super) type_id: u32,
    /// The number of the member or element.
    pub(super) index: usize,
    /// The name of the member; none for an element.
    name: Option<Vec<u8>>,
}

impl Step {
    pub(super) fn is_member(&self) -> bool {
        self.name.is_some()
    }
}

fn member(btf: &Btf<'_>, structure: Type, index: usize) -> Option<Member> {
    btf.members(structure).nth(index)
}

fn is_composite(found: Type) -> bool {
    matches!(found.kind, Kind::Struct | Kind::Union)
}

/// Whether an array has no fixed length: the last member of its structure.
fn is_flexible(btf: &Btf<'_>, parent: Option<&Step>, array: Array) -> bool {
    let Some(parent) = parent.filter(|parent| parent.is_member() && array.len == 0) else {
        return false;
    };
    btf.get(parent.type_id)
        .is_some_and(|structure| parent.index + 1 == usize::from(structure.vlen))
}

impl Spec {
    /// Reads the path `text` from a type.
    pub(super) fn parse(btf: &Btf<'_>, root: u32, text: &str, subject: Subject) -> Option<Self> {
        let numbers: Vec<usize> = text
            .split(':')
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        if numbers.len() > MAX_STEPS {
            return None;
        }
        let (&first, rest) = numbers.split_first()?;
        let mut spec = Self {
            root,
            steps: Vec::new(),
            bit_offset: 0,
        };
        let mut id = btf.resolve_id(root)?;
        match subject {
            Subject::Type => return (numbers == [0]).then_some(spec),
            Subject::Enumerator => {
                let found = btf.get(id).filter(|found| is_enum(found.kind))?;
                let name = btf.enumerators(found).nth(first)?;
                spec.steps.push(Step {
                    type_id: id,
                    index: first,
                    name: Some(btf.name(name).to_vec()),
                });
                return rest.is_empty().then_some(spec);
            }
            Subject::Field => {}
        }
        spec.step_into_element(btf, id, first)?;
        for &index in rest {
            id = btf.resolve_id(id)?;
            let found = btf.get(id)?;
            if is_composite(found) {
                let member = member(btf, found, index)?;
                spec.bit_offset = spec.bit_offset.checked_add(member.bit_offset)?;
                if member.name != 0 {
                    spec.steps.push(Step {
                        type_id: id,
                        index,
                        name: Some(btf.name(member.name).to_vec()),
                    });
                }
                id = member.type_id;
            } else {
                let array = btf.array(found)?;
                if !is_flexible(btf, spec.steps.last(), array) && index >= array.len as usize {
                    return None;
                }
                id = btf.resolve_id(array.element)?;
                spec.step_into_element(btf, id, index)?;
            }
        }
        Some(spec)
    }

    fn step_into_element(&mut self, btf: &Btf<'_>, type_id: u32, index: usize) -> Option<()> {
        let distance = u32::try_from(index)
            .ok()?
            .checked_mul(btf.size(type_id)?)?
            .checked_mul(8)?;
        self.bit_offset = self.bit_offset.checked_add(distance)?;
        self.steps.push(Step {
            type_id,
            index,
            name: None,
        });
        Some(())
    }

    /// The same path from a type of the kernel, if it has it.
    pub(super) fn find_in(
        &self,
        local: &Btf<'_>,
        kernel: &Btf<'_>,
        candidate: u32,
        question: Question,
    ) -> Option<Self> {
        let mut spec = Self {
            root: candidate,
            steps: Vec::new(),
            bit_offset: 0,
        };
        let mut id = candidate;
        match question.subject() {
            Subject::Type => {
                let compare = if question == Question::TypeMatches {
                    types_match
                } else {
                    types_are_compatible
                };
                return compare((local, self.root), (kernel, candidate)).then_some(spec);
            }
            Subject::Enumerator => {
                let wanted = without_flavor(self.steps.first()?.name.as_deref()?);
                let type_id = kernel.resolve_id(candidate)?;
                let found = kernel.get(type_id)?;
                let index = kernel
                    .enumerators(found)
                    .position(|name| without_flavor(kernel.name(name)) == wanted)?;
                spec.steps.push(Step {
                    type_id,
                    index,
                    name: Some(Vec::new()),
                });
                return Some(spec);
            }
            Subject::Field => {}
        }
        for (number, step) in self.steps.iter().enumerate() {
            id = kernel.resolve_id(id)?;
            if let Some(name) = &step.name {
                let structure = local.get(step.type_id)?;
                let wanted = Wanted {
                    name,
                    field: (local, member(local, structure, step.index)?.type_id),
                };
                let mut left = MAX_MEMBERS;
                id = spec.step_into_member(kernel, id, &wanted, &mut left)?;
                continue;
            }
            if number > 0 {
                let array = kernel.array(kernel.get(id)?)?;
                if !is_flexible(kernel, spec.steps.last(), array)
                    && step.index >= array.len as usize
                {
                    return None;
                }
                id = kernel.resolve_id(array.element)?;
            }
            spec.step_into_element(kernel, id, step.index)?;
        }
        Some(spec)
    }

    /// Finds the member in a structure of the kernel, also where it is in an anonymous one
    /// within. Returns its type.
    fn step_into_member(
        &mut self,
        kernel: &Btf<'_>,
        id: u32,
        wanted: &Wanted<'_>,
        left: &mut usize,
    ) -> Option<u32> {
        let id = kernel.resolve_id(id)?;
        let structure = kernel.get(id)?;
        for (index, member) in kernel.members(structure).enumerate() {
            *left = left.checked_sub(1)?;
            if member.name == 0 {
                let before = self.bit_offset;
                self.bit_offset = before.checked_add(member.bit_offset)?;
                if let Some(found) = self.step_into_member(kernel, member.type_id, wanted, left) {
                    return Some(found);
                }
                self.bit_offset = before;
            } else if kernel.name(member.name) == wanted.name {
                if !fields_are_compatible(wanted.field, (kernel, member.type_id)) {
                    return None;
                }
                self.bit_offset = self.bit_offset.checked_add(member.bit_offset)?;
                self.steps.push(Step {
                    type_id: id,
                    index,
                    name: Some(wanted.name.to_vec()),
                });
                return Some(member.type_id);
            }
        }
        None
    }
}

/// How many members are looked at for one step: a hostile structure may contain itself.
const MAX_MEMBERS: usize = 1 << 12;

/// A member that is looked for in the kernel.
struct Wanted<'btf> {
    name: &'btf [u8],
    /// Its type in the object.
    field: (&'btf Btf<'btf>, u32),
}
