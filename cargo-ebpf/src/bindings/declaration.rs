//! Declarations, as Rust.

use std::fmt;

use serde::Serialize;

/// A kernel type, or the arguments of a kernel function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Declaration {
    /// Its name in the kernel.
    pub(crate) name: String,
    /// What it is.
    #[serde(flatten)]
    pub(crate) shape: Shape,
}

/// What is declared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Shape {
    /// A struct.
    Struct {
        /// The members that were asked for.
        members: Vec<Member>,
    },
    /// A union.
    Union {
        /// The members that were asked for.
        members: Vec<Member>,
    },
    /// An enum.
    Enum {
        /// The integer that it is.
        integer: &'static str,
        /// Its enumerators.
        values: Vec<Enumerator>,
    },
    /// A function that `fentry` and `fexit` programs can be attached to.
    Function {
        /// Its parameters.
        parameters: Vec<Parameter>,
        /// The type of its result; none for `void`.
        result: Option<String>,
    },
}

/// A member of a struct or union.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Member {
    /// Its name in the kernel.
    pub(crate) name: String,
    /// Its type in Rust, or why it cannot be declared.
    #[serde(rename = "type", serialize_with = "type_or_nothing")]
    pub(crate) rust_type: Result<String, &'static str>,
    /// How it differs in other kernels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// A named value of an enum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Enumerator {
    /// Its name in the kernel.
    pub(crate) name: String,
    /// Its value in the kernel whose BTF was read.
    pub(crate) value: i128,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Parameter {
    /// Its name in the kernel's source.
    pub(crate) name: String,
    /// Its type in Rust.
    #[serde(rename = "type")]
    pub(crate) rust_type: String,
}

fn type_or_nothing<S: serde::Serializer>(
    rust_type: &Result<String, &'static str>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    rust_type.as_ref().ok().serialize(serializer)
}

impl fmt::Display for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Identifier(&self.name);
        match &self.shape {
            Shape::Struct { members } if members.is_empty() => {
                write!(f, "#[btf_relocatable]\npub struct {name};\n")
            }
            Shape::Struct { members } => record(f, "struct", name, members),
            Shape::Union { members } => record(f, "union", name, members),
            Shape::Enum { integer, values } => {
                f.write_str("#[btf_relocatable]\n")?;
                if *integer != "u32" {
                    writeln!(f, "#[repr({integer})]")?;
                }
                writeln!(f, "pub enum {name} {{")?;
                for Enumerator { name, value } in values {
                    writeln!(f, "    {} = {value},", Identifier(name))?;
                }
                f.write_str("}\n")
            }
            Shape::Function { parameters, result } => {
                writeln!(f, "// {} in fentry and fexit programs:", self.name)?;
                for (index, Parameter { name, rust_type }) in parameters.iter().enumerate() {
                    let name = Identifier(name);
                    writeln!(f, "//     let {name}: {rust_type} = context.arg({index});")?;
                }
                match result {
                    None => Ok(()),
                    Some(result) => {
                        let index = parameters.len();
                        writeln!(
                            f,
                            "//     let result: {result} = context.arg({index}); // in fexit"
                        )
                    }
                }
            }
        }
    }
}

fn record(
    f: &mut fmt::Formatter<'_>,
    keyword: &str,
    name: Identifier<'_>,
    members: &[Member],
) -> fmt::Result {
    write!(f, "#[btf_relocatable]\npub {keyword} {name} {{\n")?;
    for Member {
        name,
        rust_type,
        notes,
    } in members
    {
        let name = Identifier(name);
        for note in notes {
            writeln!(f, "    /// {note}")?;
        }
        match rust_type {
            Ok(rust_type) => writeln!(f, "    pub {name}: {rust_type},")?,
            Err(reason) => writeln!(f, "    // {name} cannot be declared: {reason}")?,
        }
    }
    f.write_str("}\n")
}

/// A name of C in Rust.
#[derive(Clone, Copy)]
struct Identifier<'a>(&'a str);

/// The keywords of Rust that are names in C. Source: the Rust reference.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "crate", "dyn", "false", "final", "fn",
    "gen", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv",
    "pub", "ref", "self", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized",
    "use", "virtual", "where", "yield",
];

/// Keywords that are no names, not even as `r#self`.
pub(super) const NEVER_A_NAME: &[&str] = &["crate", "self", "super", "Self", "_"];

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if KEYWORDS.contains(&self.0) {
            f.write_str("r#")?;
        }
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_rust() {
        let member = |name: &str, rust_type: &str| Member {
            name: name.to_owned(),
            rust_type: Ok(rust_type.to_owned()),
            notes: Vec::new(),
        };
        let mut members = vec![member("pid", "i32"), member("type", "u32")];
        members.push(Member {
            name: "thread".to_owned(),
            rust_type: Err("its type has no name"),
            notes: vec!["Not in Linux 5.10.".to_owned()],
        });
        let declaration = Declaration {
            name: "task_struct".to_owned(),
            shape: Shape::Struct { members },
        };
        assert_eq!(
            declaration.to_string(),
            "#[btf_relocatable]\npub struct task_struct {\n    pub pid: i32,\n    pub r#type: u32,\n    \
             /// Not in Linux 5.10.\n    // thread cannot be declared: its type has no name\n}\n"
        );
    }
}
