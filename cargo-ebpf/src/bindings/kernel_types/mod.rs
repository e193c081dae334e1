//! Types of a kernel's BTF that were asked for, and what these need to be declared.

mod declarations;

use std::collections::HashMap;

use ebpf_base::{
    btf::{self, Btf, Kind, Type},
    untrusted,
};
use ebpf_build::{Error, Result};

use super::{
    declaration::{Declaration, NEVER_A_NAME},
    request::{Request, is_identifier},
};
use crate::code::Code;

/// How deep anonymous structs and unions, or arrays, are looked into: more than in any kernel.
const MAX_DEPTH: usize = 16;

/// How many members are looked at to find those of a type: a type of hostile BTF can contain
/// itself. The largest structures of kernels have some thousands.
const MAX_MEMBERS: usize = 1 << 16;

/// What a request can name, in this order: structs, unions and enums have a name space apart from
/// that of typedefs and functions.
const REQUESTABLE: [Kind; 6] = [
    Kind::Struct,
    Kind::Union,
    Kind::Enum,
    Kind::Enum64,
    Kind::Typedef,
    Kind::Func,
];

/// How many names are suggested in place of an unknown one.
const SUGGESTIONS: usize = 3;

/// What one kernel has of what is asked for.
#[derive(Debug)]
pub(crate) struct OfKernel {
    /// Its types, in the order of the requests, and then those that members need.
    pub(crate) declarations: Vec<Declaration>,
    /// The types and members that it does not have, by their paths.
    pub(crate) missing: Vec<(String, Error)>,
}

/// Declares what is asked for.
///
/// # Errors
/// When a member, or what has the name of a type, cannot be declared in Rust.
pub(crate) fn declare(btf: &Btf<'_>, requests: &[Request]) -> Result<OfKernel> {
    let mut types = KernelTypes {
        btf,
        wanted: Vec::new(),
        index: HashMap::new(),
        missing: Vec::new(),
    };
    for request in requests {
        types.want(request)?;
    }
    let mut declarations = Vec::new();
    // Embedded types are added meanwhile.
    let mut next = 0;
    while let Some(wanted) = types.wanted.get(next).cloned() {
        declarations.extend(types.declaration(&wanted)?);
        next += 1;
    }
    Ok(OfKernel {
        declarations,
        missing: types.missing,
    })
}

/// A type that is to be declared.
#[derive(Debug, Clone)]
struct Wanted {
    /// The id behind qualifiers and typedefs.
    id: u32,
    name: String,
    members: Members,
}

/// Which of a type's members are to be declared.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Members {
    /// All that can be.
    All,
    /// These.
    Named(Vec<String>),
}

struct KernelTypes<'a> {
    btf: &'a Btf<'a>,
    wanted: Vec<Wanted>,
    /// The place of each of them in `wanted`.
    index: HashMap<u32, usize>,
    missing: Vec<(String, Error)>,
}

/// A type with the name by which C refers to it.
#[derive(Debug, Clone)]
struct Named {
    id: u32,
    found: Type,
    /// Its own, or that of a typedef. Empty if it has none.
    name: String,
}

impl KernelTypes<'_> {
    fn want(&mut self, request: &Request) -> Result<()> {
        let Some(root) = self.root(&request.name) else {
            let error = self.type_unknown(&request.name);
            self.missing.push((request.name.clone(), error));
            return Ok(());
        };
        // A typedef is resolved by now.
        if !REQUESTABLE.contains(&root.found.kind) {
            let reason = "it is not a struct, union, enum or function";
            return Err(not_declarable(&request.name, "", reason));
        }
        if request.members.is_empty() {
            self.entry(&root).members = Members::All;
            return Ok(());
        }
        for path in &request.members {
            let mut holder = root.clone();
            for (depth, name) in path.iter().enumerate() {
                let Some(member) = self.member(holder.found, name) else {
                    let error = self.member_unknown(&holder, name);
                    self.missing
                        .push((format!("{}.{name}", holder.name), error));
                    break;
                };
                if NEVER_A_NAME.contains(&name.as_str()) {
                    return Err(not_declarable(
                        &holder.name,
                        name,
                        "its name is a Rust keyword",
                    ));
                }
                let wanted = self.entry(&holder);
                if let Members::Named(names) = &mut wanted.members
                    && !names.contains(name)
                {
                    names.push(name.clone());
                }
                if depth + 1 < path.len() {
                    holder = self
                        .behind(member.type_id)
                        .map_err(|reason| not_declarable(&holder.name, name, reason))?;
                }
            }
        }
        Ok(())
    }

    /// The declaration of a type, which is added if it is a new one.
    fn entry(&mut self, of: &Named) -> &mut Wanted {
        let next = self.wanted.len();
        let place = *self.index.entry(of.id).or_insert(next);
        if place == next {
            self.wanted.push(Wanted {
                id: of.id,
                name: of.name.clone(),
                members: Members::Named(Vec::new()),
            });
        }
        &mut self.wanted[place]
    }

    /// The type that C code refers to by this name.
    fn root(&self, name: &str) -> Option<Named> {
        let id = REQUESTABLE
            .iter()
            .find_map(|&kind| self.btf.id_of(kind, name))?;
        self.named(id)
    }

    /// A type without typedefs and qualifiers, and its name. None for `void`.
    fn named(&self, id: u32) -> Option<Named> {
        let resolved = self.btf.resolve_id(id)?;
        let found = self.btf.get(resolved)?;
        let mut name = self.btf.string(found.name).into_owned();
        let is_anonymous = name.is_empty();
        let mut outer = id;
        // The innermost typedef, as others may be of that.
        for _ in 0..MAX_DEPTH {
            if !is_anonymous || outer == resolved {
                break;
            }
            let qualifier = self.btf.get(outer)?;
            if qualifier.kind == Kind::Typedef {
                name = self.btf.string(qualifier.name).into_owned();
            }
            outer = qualifier.size_or_type;
        }
        if !is_identifier(&name) {
            name.clear();
        }
        Some(Named {
            id: resolved,
            found,
            name,
        })
    }

    /// The struct or union that a member is, points to, or is an array of.
    fn behind(&self, id: u32) -> Result<Named, &'static str> {
        let mut id = id;
        for _ in 0..MAX_DEPTH {
            let named = self.named(id).ok_or("it points to `void`")?;
            id = match named.found.kind {
                Kind::Ptr => named.found.size_or_type,
                Kind::Array => self.btf.array(named.found).map_or(0, |array| array.element),
                Kind::Struct | Kind::Union if named.name.is_empty() => return Err(ANONYMOUS),
                Kind::Struct | Kind::Union => return Ok(named),
                Kind::Fwd => {
                    return Err("this BTF does not contain the members of the type that \
                                it points to");
                }
                _ => return Err("it is not a struct or union, or a pointer to one"),
            };
        }
        Err(DEEP)
    }

    /// A member, also one in anonymous structs and unions.
    fn member(&self, of: Type, name: &str) -> Option<btf::Member> {
        self.all_members(of)
            .into_iter()
            .find(|member| self.btf.name(member.name) == name.as_bytes())
    }

    /// The members of a type, those of anonymous structs and unions in their place.
    fn all_members(&self, of: Type) -> Vec<btf::Member> {
        let mut all = Vec::new();
        self.add_members(of, MAX_DEPTH, &mut { MAX_MEMBERS }, &mut all);
        all
    }

    fn add_members(&self, of: Type, depth: usize, left: &mut usize, all: &mut Vec<btf::Member>) {
        for member in self.btf.members(of) {
            let Some(fewer) = left.checked_sub(1) else {
                return;
            };
            *left = fewer;
            if !self.btf.name(member.name).is_empty() {
                all.push(member);
            } else if depth > 0
                && let Some(inner) = self.btf.resolve(member.type_id)
            {
                self.add_members(inner, depth - 1, left, all);
            }
        }
    }

    fn type_unknown(&self, name: &str) -> Error {
        let names = self
            .btf
            .types()
            .iter()
            .filter(|found| found.kind != Kind::Typedef && REQUESTABLE.contains(&found.kind))
            .map(|found| self.btf.string(found.name).into_owned());
        let error = Error::new(
            Code::TypeUnknown,
            format!(
                "the kernel has no type or function `{}`",
                untrusted::name(name)
            ),
        );
        with_nearest(error, name, names)
    }

    fn member_unknown(&self, of: &Named, name: &str) -> Error {
        let names = self
            .all_members(of.found)
            .into_iter()
            .map(|member| self.btf.string(member.name).into_owned());
        let error = Error::new(
            Code::MemberUnknown,
            format!(
                "`{}` has no member `{}` in this kernel",
                untrusted::name(&of.name),
                untrusted::name(name)
            ),
        );
        with_nearest(error, name, names)
    }
}

const ANONYMOUS: &str = "its type has no name";
const DEEP: &str = "its type is nested too deeply";
fn not_declarable(of: &str, member: &str, reason: &str) -> Error {
    let path = [of, member].map(untrusted::name).join(".");
    let path = path.trim_end_matches('.');
    Error::new(
        Code::NotDeclarable,
        format!("`{path}` cannot be declared in Rust"),
    )
    .because(reason)
}

/// Adds the names that are nearest to `name`.
fn with_nearest(error: Error, name: &str, names: impl Iterator<Item = String>) -> Error {
    let mut nearest: Vec<(f64, String)> = names
        .filter(|other| !other.is_empty())
        .map(|other| (strsim::jaro_winkler(name, &other), other))
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    nearest.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    nearest.dedup_by(|one, other| one.1 == other.1);
    let names: Vec<String> = nearest
        .iter()
        .take(SUGGESTIONS)
        .map(|(_, name)| untrusted::name(name))
        .collect();
    if names.is_empty() {
        return error;
    }
    error.because(format!("similar names: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use ebpf_base::btf::{Btf, Kind};

    use super::declare;

    /// BTF in the byte order of this machine, type by type.
    #[derive(Default)]
    struct Builder {
        types: Vec<u32>,
        strings: Vec<u8>,
    }

    impl Builder {
        fn name(&mut self, name: &str) -> u32 {
            if name.is_empty() {
                return 0;
            }
            // The empty string comes first.
            let offset = self.strings.len() as u32 + 1;
            self.strings.extend(name.bytes().chain([0]));
            offset
        }

        fn add(&mut self, name: &str, info: u32, size_or_type: u32, rest: &[u32]) {
            let name = self.name(name);
            self.types.extend([name, info, size_or_type]);
            self.types.extend(rest);
        }

        /// With members of so many bits, or of a type's own size.
        fn record(&mut self, kind: Kind, name: &str, members: &[(&str, u32, u32)]) {
            let mut rest = Vec::new();
            for (member, of, bits) in members {
                rest.extend([self.name(member), *of, bits << 24]);
            }
            self.add(name, 1 << 31 | info(kind, members.len()), 64, &rest);
        }

        fn bytes(&self) -> Vec<u8> {
            let types = self.types.len() as u32 * 4;
            let header = [24, 0, types, types, self.strings.len() as u32 + 1];
            let mut bytes = vec![0x9f, 0xeb, 1, 0];
            let words = header.iter().chain(&self.types);
            bytes.extend(words.flat_map(|word| word.to_le_bytes()));
            bytes.push(0);
            bytes.extend(&self.strings);
            bytes
        }
    }

    fn info(kind: Kind, count: usize) -> u32 {
        kind.number() << 24 | count as u32
    }

    /// What a kernel has: one of each.
    fn kernel() -> Vec<u8> {
        let mut btf = Builder::default();
        let signed = 1 << 24;
        btf.add("int", info(Kind::Int, 0), 4, &[signed | 32]); // 1
        btf.add("char", info(Kind::Int, 0), 1, &[signed | 8]); // 2
        btf.add("_Bool", info(Kind::Int, 0), 1, &[4 << 24 | 8]); // 3
        btf.add("pid_t", info(Kind::Typedef, 0), 1, &[]); // 4
        btf.add("", info(Kind::Ptr, 0), 6, &[]); // 5, task_struct *
        btf.record(
            Kind::Struct,
            "task_struct",
            &[
                ("pid", 4, 0),
                ("real_parent", 5, 0),
                ("comm", 7, 0),
                ("", 8, 0),
                ("in_execve", 1, 1),
                ("usage", 10, 0),
                ("users", 17, 0),
                ("stack", 11, 0),
                ("unnamed", 8, 0),
                ("kind", 12, 0),
                ("self", 1, 0),
                ("type", 3, 0),
                ("mm", 13, 0),
            ],
        ); // 6
        btf.add("", info(Kind::Array, 0), 0, &[2, 1, 16]); // 7
        btf.record(Kind::Union, "", &[("inner", 1, 0)]); // 8
        btf.record(Kind::Struct, "", &[("counter", 1, 0)]); // 9
        btf.add("atomic_t", info(Kind::Typedef, 0), 9, &[]); // 10
        btf.add("", info(Kind::Ptr, 0), 0, &[]); // 11, void *
        let [first, last] = ["PIDTYPE_PID", "PIDTYPE_MAX"].map(|name| btf.name(name));
        btf.add("pid_type", info(Kind::Enum, 2), 4, &[first, 0, last, 4]); // 12
        btf.add("", info(Kind::Ptr, 0), 14, &[]); // 13
        btf.record(Kind::Struct, "mm_struct", &[("owner", 5, 0)]); // 14
        let name = btf.name("task");
        btf.add("", info(Kind::FuncProto, 1), 4, &[name, 5]); // 15
        btf.add("task_pid", info(Kind::Func, 0), 15, &[]); // 16
        btf.add("refcount_t", info(Kind::Typedef, 0), 10, &[]); // 17
        btf.bytes()
    }

    fn text(requests: &[&str]) -> Result<String, String> {
        let bytes = kernel();
        let btf = Btf::parse(&bytes).unwrap();
        let requests: Vec<_> = requests.iter().map(|text| text.parse().unwrap()).collect();
        let failed = |error: &ebpf_build::Error| format!("{}: {error}", error.code());
        let found = declare(&btf, &requests).map_err(|error| failed(&error))?;
        if let Some((_, error)) = found.missing.first() {
            return Err(failed(error));
        }
        let texts = found.declarations.iter().map(ToString::to_string);
        Ok(texts.collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn members_are_declared_as_they_are_asked_for() {
        let asked = "task_struct.pid,comm,inner,in_execve,users,usage,stack,type,mm.owner.kind";
        insta::assert_snapshot!(text(&[asked]).unwrap());
    }

    #[test]
    fn without_members_all_are_declared_that_can_be() {
        insta::assert_snapshot!(text(&["task_struct", "pid_type"]).unwrap());
    }

    #[test]
    fn arguments_of_functions_have_types() {
        insta::assert_snapshot!(text(&["task_pid", "task_struct.pid"]).unwrap());
    }

    #[test]
    fn what_cannot_be_declared_is_an_error() {
        let errors: Vec<String> = [
            "task_strukt",
            "task_struct.pidd",
            "task_struct.pid.x",
            "task_struct.stack.x",
            "task_struct.unnamed",
            "task_struct.self",
            "pid_t",
        ]
        .map(|request| text(&[request]).unwrap_err())
        .into();
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn a_type_that_contains_itself_has_an_end() {
        let mut btf = Builder::default();
        let members = vec![("", 1, 0); 1000];
        btf.record(Kind::Struct, "loop", &members);
        let bytes = btf.bytes();
        let btf = Btf::parse(&bytes).unwrap();
        assert!(declare(&btf, &["loop".parse().unwrap()]).is_ok());
    }
}
