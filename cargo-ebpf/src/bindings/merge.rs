//! Declarations for several kernels.

use ebpf_build::{Error, Result};

use super::{
    declaration::{Declaration, Member, Shape},
    kernel_types::OfKernel,
};

/// What a kernel is called, and what it has.
pub(crate) type Kernel = (String, OfKernel);

/// The declarations that programs for all of these kernels need: the types are those of the last
/// kernel that has them, and notes name the kernels that differ.
///
/// # Errors
/// When no kernel has a type or member.
pub(crate) fn merge(kernels: &[Kernel]) -> Result<Vec<Declaration>> {
    if let Some(error) = missing_everywhere(kernels) {
        return Err(error);
    }
    let mut merged: Vec<Declaration> = Vec::new();
    for (_, of_kernel) in kernels.iter().rev() {
        for declaration in &of_kernel.declarations {
            match merged
                .iter_mut()
                .find(|known| known.name == declaration.name)
            {
                Some(known) => add_members(known, declaration),
                None => merged.push(declaration.clone()),
            }
        }
    }
    for declaration in &mut merged {
        let name = declaration.name.clone();
        for member in members_mut(declaration) {
            member.notes = notes(&name, member, kernels);
        }
    }
    Ok(merged)
}

fn missing_everywhere(kernels: &[Kernel]) -> Option<Error> {
    let (_, last) = kernels.last()?;
    let everywhere = |path: &str| {
        let lacks = |(_, of_kernel): &Kernel| {
            let mut missing = of_kernel.missing.iter();
            missing.any(|(other, _)| other == path)
        };
        kernels.iter().all(lacks)
    };
    let mut missing = last.missing.iter();
    let (_, error) = missing.find(|(path, _)| everywhere(path))?;
    Some(error.clone())
}

/// Adds the members that only older kernels have.
fn add_members(known: &mut Declaration, older: &Declaration) {
    match (&mut known.shape, &older.shape) {
        (Shape::Struct { members: known }, Shape::Struct { members: older })
        | (Shape::Union { members: known }, Shape::Union { members: older }) => {
            for member in older {
                if !known.iter().any(|other| other.name == member.name) {
                    known.push(member.clone());
                }
            }
        }
        (Shape::Enum { values: known, .. }, Shape::Enum { values: older, .. }) => {
            for value in older {
                if !known.iter().any(|other| other.name == value.name) {
                    known.push(value.clone());
                }
            }
        }
        _ => {}
    }
}

/// How a member differs in the kernels.
fn notes(of: &str, member: &Member, kernels: &[Kernel]) -> Vec<String> {
    let mut absent = Vec::new();
    let mut notes = Vec::new();
    for (label, of_kernel) in kernels {
        let mut declarations = of_kernel.declarations.iter();
        let declaration = declarations.find(|other| other.name == of);
        let mut members = declaration.into_iter().flat_map(members);
        match members.find(|other| other.name == member.name) {
            None => absent.push(label.as_str()),
            Some(Member {
                rust_type: Ok(other),
                ..
            }) if member.rust_type.as_ref() != Ok(other) => {
                notes.push(format!("Linux {label}: `{other}`."));
            }
            Some(_) => {}
        }
    }
    if !absent.is_empty() {
        notes.insert(0, format!("Not in Linux {}.", absent.join(", ")));
    }
    notes
}

fn members(declaration: &Declaration) -> &[Member] {
    match &declaration.shape {
        Shape::Struct { members } | Shape::Union { members } => members,
        Shape::Enum { .. } | Shape::Function { .. } => &[],
    }
}

fn members_mut(declaration: &mut Declaration) -> &mut [Member] {
    match &mut declaration.shape {
        Shape::Struct { members } | Shape::Union { members } => members,
        Shape::Enum { .. } | Shape::Function { .. } => &mut [],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(label: &str, members: &[(&str, &str)], missing: &[&str]) -> Kernel {
        let member = |(name, rust_type): &(&str, &str)| Member {
            name: (*name).to_owned(),
            rust_type: Ok((*rust_type).to_owned()),
            notes: Vec::new(),
        };
        let declaration = Declaration {
            name: "task_struct".to_owned(),
            shape: Shape::Struct {
                members: members.iter().map(member).collect(),
            },
        };
        let missing = missing.iter().map(|path| {
            let error = Error::new("member-unknown", format!("no `{path}`"));
            ((*path).to_owned(), error)
        });
        let of_kernel = OfKernel {
            declarations: vec![declaration],
            missing: missing.collect(),
        };
        (label.to_owned(), of_kernel)
    }

    #[test]
    fn members_that_differ_have_notes() {
        let kernels = [
            kernel(
                "5.10",
                &[("pid", "i32"), ("state", "i64"), ("flags", "u64")],
                &["task_struct.__state"],
            ),
            kernel(
                "6.12",
                &[("pid", "i32"), ("__state", "u32"), ("flags", "u32")],
                &["task_struct.state"],
            ),
        ];
        let merged = merge(&kernels).unwrap();
        let texts: Vec<String> = merged.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn what_no_kernel_has_is_an_error() {
        let missing = &["task_struct.nothing"];
        let kernels = [kernel("5.10", &[], missing), kernel("6.12", &[], missing)];
        let error = merge(&kernels).unwrap_err();
        assert_eq!(error.to_string(), "no `task_struct.nothing`");
    }
}
