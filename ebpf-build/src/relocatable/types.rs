//! The declared types of a whole program, each once.
//!
//! Several crates may declare one type, each with the members that it uses. In the object they
//! have to be one type: LLVM identifies a type by its name, and merges those of the same.

use std::collections::{BTreeMap, HashSet};

use super::declaration::{Declaration, Kind, Member, Place, Problem, Shape};

/// By name. Each [`Kind::Named`] is one of them, and no type contains itself.
#[derive(Debug, Default)]
pub(super) struct Types(pub BTreeMap<String, Declaration>);

impl Types {
    /// Those of all `declarations`, and what does not fit together.
    pub(super) fn of(declarations: Vec<Declaration>) -> (Self, Vec<Problem>) {
        let mut types = Self::default();
        let mut problems = Vec::new();
        for declaration in declarations {
            match types.0.get_mut(&declaration.name) {
                Some(first) => merge(first, declaration, &mut problems),
                None => {
                    let mut first = Declaration {
                        shape: empty(&declaration.shape),
                        ..declaration.clone()
                    };
                    // A member that is declared twice in one declaration is caught as well.
                    merge(&mut first, declaration, &mut problems);
                    types.0.insert(first.name.clone(), first);
                }
            }
        }
        for declaration in types.0.values() {
            types.check_members(declaration, &mut problems);
        }
        (types, problems)
    }

    fn check_members(&self, declaration: &Declaration, problems: &mut Vec<Problem>) {
        for member in members(&declaration.shape) {
            let Some(name) = named(&member.kind) else {
                continue;
            };
            let message = if !self.0.contains_key(name) {
                format!(
                    "`{name}` is not declared: declare it with #[btf_relocatable], or, if it is an \
                     enum, use its integer type"
                )
            } else if self.contains(name, &declaration.name, &mut HashSet::new()) {
                format!(
                    "`{}` would contain itself; for a pointer, write `*const {name}`",
                    declaration.name
                )
            } else {
                continue;
            };
            problems.push(Problem {
                place: member.place.clone(),
                message,
            });
        }
    }

    /// Whether the type `outer` is or contains, not by pointer, the type `inner`.
    fn contains<'a>(&'a self, outer: &'a str, inner: &str, seen: &mut HashSet<&'a str>) -> bool {
        outer == inner
            || seen.insert(outer)
                && self.0.get(outer).is_some_and(|declaration| {
                    members(&declaration.shape)
                        .iter()
                        .filter_map(|member| named(&member.kind))
                        .any(|name| self.contains(name, inner, seen))
                })
    }
}

/// The type that a member embeds.
fn named(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Named(name) => Some(name),
        Kind::Array(element, _) => named(element),
        Kind::Integer(_) | Kind::Bool | Kind::Pointer | Kind::Bits(..) => None,
    }
}

fn members(shape: &Shape) -> &[Member] {
    match shape {
        Shape::Struct(members) | Shape::Union(members) => members,
        Shape::Enum { .. } => &[],
    }
}

fn empty(shape: &Shape) -> Shape {
    match shape {
        Shape::Struct(_) => Shape::Struct(Vec::new()),
        Shape::Union(_) => Shape::Union(Vec::new()),
        Shape::Enum { integer, .. } => Shape::Enum {
            integer: *integer,
            values: Vec::new(),
        },
    }
}

fn merge(into: &mut Declaration, other: Declaration, problems: &mut Vec<Problem>) {
    let conflict = |place: Place, message: String| Problem { place, message };
    let first = into.place.clone();
    match (&mut into.shape, other.shape) {
        (Shape::Struct(into), Shape::Struct(members))
        | (Shape::Union(into), Shape::Union(members)) => {
            for member in members {
                match into.iter().find(|known| known.name == member.name) {
                    None => into.push(member),
                    Some(known) if known.kind == member.kind => {}
                    Some(known) => problems.push(conflict(
                        member.place,
                        format!(
                            "`{}` of `{}` is declared with another type at {}",
                            member.name, other.name, known.place
                        ),
                    )),
                }
            }
        }
        (
            Shape::Enum { integer, values },
            Shape::Enum {
                integer: other_integer,
                values: other_values,
            },
        ) => {
            if *integer != other_integer {
                problems.push(conflict(
                    other.place,
                    format!(
                        "`{}` is declared with another integer type at {first}",
                        other.name
                    ),
                ));
            }
            // Values without a number differ where fewer are declared; the kernel's count.
            for (name, value) in other_values {
                if !values.iter().any(|(known, _)| *known == name) {
                    values.push((name, value));
                }
            }
        }
        _ => problems.push(conflict(
            other.place,
            format!(
                "`{}` is declared as another kind of type at {first}",
                other.name
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::declaration::declarations, *};

    /// The members of each type, and the lines with problems.
    fn checked(sources: &[&str]) -> (String, Vec<String>) {
        let mut all = Vec::new();
        let mut texts = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let (declared, problems) = declarations(Path::new(&format!("{number}.rs")), source);
            all.extend(declared);
            texts.extend(problems);
        }
        let (types, problems) = Types::of(all);
        texts.extend(problems);
        let described: Vec<String> = types
            .0
            .values()
            .map(|declaration| {
                let names: Vec<&str> = members(&declaration.shape)
                    .iter()
                    .map(|member| member.name.as_str())
                    .collect();
                format!("{} {}", declaration.name, names.join(" "))
            })
            .collect();
        let texts = texts
            .iter()
            .map(|problem| format!("{}: {}", problem.place, problem.message))
            .collect();
        (described.join(", "), texts)
    }

    #[test]
    fn declarations_of_several_crates_are_one_type() {
        let (types, problems) = checked(&[
            "#[btf_relocatable]\nstruct task_struct { pid: i32, mm: *const mm_struct }",
            "mod inner { fn f() {\n#[ebpf_relocatable::btf_relocatable]\nstruct task_struct { tgid: i32, pid: c_int } } }",
        ]);
        assert_eq!(types, "task_struct pid mm tgid");
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn what_does_not_fit_is_reported_at_its_line() {
        for (sources, at, text) in [
            (
                vec![
                    "#[btf_relocatable]\nstruct a { x: i32 }",
                    "#[btf_relocatable]\nstruct a {\n y: u8,\n x: u64 }",
                ],
                "1.rs:4",
                "`x` of `a` is declared with another type at 0.rs:2",
            ),
            (
                vec![
                    "#[btf_relocatable]\nstruct a { x: i32 }\n#[btf_relocatable]\nunion a { x: i32 }",
                ],
                "0.rs:4",
                "another kind of type at 0.rs:2",
            ),
            (
                vec!["#[btf_relocatable]\nstruct a {\n lock: spinlock_t }"],
                "0.rs:3",
                "`spinlock_t` is not declared",
            ),
            (
                vec![
                    "#[btf_relocatable]\nstruct a { next: b }\n#[btf_relocatable]\nstruct b { a: [a; 2] }",
                ],
                "0.rs:2",
                "would contain itself",
            ),
            (
                vec!["#[btf_relocatable]\nstruct a {\n größe: i32 }"],
                "0.rs:3",
                "`größe` is not a C identifier",
            ),
            (
                vec!["#[btf_relocatable]\nstruct a {\n b: &'static str }"],
                "0.rs:3",
                "is an integer, bool, a raw pointer",
            ),
            (
                vec!["#[btf_relocatable]\nstruct a {\n b: f64,\n c: i32 }"],
                "0.rs:3",
                "`f64` is not declared",
            ),
            (
                vec!["#[btf_relocatable]\nstruct a {\n b: [u8; COMM] }"],
                "0.rs:3",
                "must be a literal number",
            ),
            (
                vec!["#[btf_relocatable]\nstruct a {\n b: Bits<u32, 33> }"],
                "0.rs:3",
                "from 1 to 32",
            ),
            (
                vec!["#[btf_relocatable]\nstruct a(i32);"],
                "0.rs:2",
                "have names",
            ),
            (
                vec!["#[btf_relocatable]\nenum a { X = 1 << 3 }"],
                "0.rs:2",
                "must be a literal number",
            ),
            (
                vec!["#[btf_relocatable]\n#[repr(u8)]\nenum a { X }"],
                "0.rs:2",
                "`u64`",
            ),
        ] {
            let (_, problems) = checked(&sources);
            let [problem, ..] = problems.as_slice() else {
                panic!("nothing is wrong with {sources:?}");
            };
            assert!(
                problem.starts_with(&format!("{at}: ")) && problem.contains(text),
                "{problem}"
            );
        }
    }
}
