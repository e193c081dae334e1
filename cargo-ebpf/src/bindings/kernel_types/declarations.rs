//! The declaration of a type of the kernel in Rust.

use ebpf_base::{
    btf::{self, Kind, Type},
    untrusted,
};
use ebpf_build::Result;

use super::{ANONYMOUS, DEEP, KernelTypes, MAX_DEPTH, Members, Wanted, not_declarable};
use crate::bindings::{
    declaration::{Declaration, Enumerator, Member, NEVER_A_NAME, Parameter, Shape},
    request::is_identifier,
};

impl KernelTypes<'_> {
    /// The declaration of a type, if it is one that can be requested.
    pub(super) fn declaration(&mut self, wanted: &Wanted) -> Result<Option<Declaration>> {
        let Some(found) = self.btf.get(wanted.id) else {
            return Ok(None);
        };
        let shape = match found.kind {
            Kind::Struct => Shape::Struct {
                members: self.members(wanted, found)?,
            },
            Kind::Union => Shape::Union {
                members: self.members(wanted, found)?,
            },
            Kind::Enum | Kind::Enum64 => Shape::Enum {
                integer: integer(found.size_or_type, found.flag).unwrap_or("u32"),
                values: self.enumerators(found),
            },
            Kind::Func => self.function(found),
            _ => return Ok(None),
        };
        Ok(Some(Declaration {
            name: wanted.name.clone(),
            shape,
        }))
    }

    fn members(&mut self, wanted: &Wanted, found: Type) -> Result<Vec<Member>> {
        let mut members = Vec::new();
        for member in self.all_members(found) {
            let name = self.btf.string(member.name).into_owned();
            let asked_for = match &wanted.members {
                Members::All => true,
                Members::Named(names) => names.contains(&name),
            };
            if !asked_for {
                continue;
            }
            let rust_type = if NEVER_A_NAME.contains(&name.as_str()) {
                Err("its name is a Rust keyword")
            } else if !is_identifier(&name) {
                Err("its name is not a C identifier")
            } else {
                self.member_type(member)
            };
            if let (Err(reason), Members::Named(_)) = (&rust_type, &wanted.members) {
                return Err(not_declarable(&wanted.name, &name, reason));
            }
            members.push(Member {
                name: untrusted::name(&name),
                rust_type,
                notes: Vec::new(),
            });
        }
        Ok(members)
    }

    fn member_type(&mut self, member: btf::Member) -> Result<String, &'static str> {
        if member.bits == 0 {
            return self.rust_type(member.type_id, MAX_DEPTH);
        }
        let behind = self.btf.resolve(member.type_id).ok_or("it is `void`")?;
        let signed = match behind.kind {
            Kind::Int => self.btf.int(behind).is_some_and(|int| int.signed),
            _ => behind.flag,
        };
        let integer = integer(behind.size_or_type, signed).ok_or(WIDE)?;
        Ok(format!("Bits<{integer}, {}>", member.bits))
    }

    fn rust_type(&mut self, id: u32, depth: usize) -> Result<String, &'static str> {
        let depth = depth.checked_sub(1).ok_or(DEEP)?;
        let named = self.named(id).ok_or("it is `void`")?;
        let found = named.found;
        match found.kind {
            Kind::Int => {
                let int = self.btf.int(found).ok_or("its BTF is truncated")?;
                if int.boolean {
                    return Ok("bool".to_owned());
                }
                // Mostly text; its sign is that of the architecture.
                let signed = int.signed && self.btf.name(found.name) != b"char";
                let integer = integer(found.size_or_type, signed).ok_or(WIDE)?;
                Ok(integer.to_owned())
            }
            Kind::Enum | Kind::Enum64 => {
                if self.index.contains_key(&named.id) {
                    return Ok(named.name);
                }
                let integer = integer(found.size_or_type, found.flag).ok_or(WIDE)?;
                Ok(integer.to_owned())
            }
            Kind::Ptr => Ok(format!(
                "*const {}",
                self.pointee(found.size_or_type, depth)
            )),
            Kind::Array => {
                let array = self.btf.array(found).ok_or("its BTF is truncated")?;
                let element = self.rust_type(array.element, depth)?;
                Ok(format!("[{element}; {}]", array.len))
            }
            Kind::Struct | Kind::Union if named.name.is_empty() => Err(ANONYMOUS),
            Kind::Struct | Kind::Union => {
                self.entry(&named);
                Ok(named.name)
            }
            Kind::Float => Err("it is a floating-point number"),
            _ => Err("its type has no fixed size"),
        }
    }

    /// What a pointer points to: only what is declared anyway has a type.
    fn pointee(&mut self, id: u32, depth: usize) -> String {
        const ANY: &str = "c_void";
        let Some(named) = self.named(id) else {
            return ANY.to_owned();
        };
        let known = match named.found.kind {
            Kind::Struct | Kind::Union => self
                .index
                .contains_key(&named.id)
                .then_some(named.name)
                .filter(|name| !name.is_empty()),
            Kind::Int | Kind::Enum | Kind::Enum64 | Kind::Ptr => self.rust_type(id, depth).ok(),
            _ => None,
        };
        known.unwrap_or_else(|| ANY.to_owned())
    }

    fn enumerators(&self, found: Type) -> Vec<Enumerator> {
        self.btf
            .enumerator_values(found)
            .map(|value| Enumerator {
                name: untrusted::name(&self.btf.string(value.name)),
                value: if found.flag {
                    i128::from(value.value.cast_signed())
                } else {
                    i128::from(value.value)
                },
            })
            .collect()
    }

    fn function(&mut self, found: Type) -> Shape {
        let prototype = self.btf.get(found.size_or_type);
        let parameters: Vec<_> = prototype
            .iter()
            .flat_map(|prototype| self.btf.prototype(*prototype))
            .collect();
        let parameters = parameters
            .into_iter()
            .enumerate()
            .map(|(index, parameter)| {
                let name = self.btf.string(parameter.name).into_owned();
                Parameter {
                    name: if is_identifier(&name) {
                        name
                    } else {
                        format!("argument_{index}")
                    },
                    rust_type: self.argument_type(parameter.type_id),
                }
            })
            .collect();
        let result = prototype
            .map(|prototype| prototype.size_or_type)
            .filter(|&id| self.btf.resolve_id(id) != Some(0))
            .map(|id| self.argument_type(id));
        Shape::Function { parameters, result }
    }

    /// The type of an argument: programs get each as a word.
    fn argument_type(&mut self, id: u32) -> String {
        self.rust_type(id, MAX_DEPTH)
            .ok()
            .filter(|_| {
                let behind = self.btf.resolve(id);
                behind.is_none_or(|of| !matches!(of.kind, Kind::Struct | Kind::Union))
            })
            .unwrap_or_else(|| "u64".to_owned())
    }
}

const WIDE: &str = "it has more than 64 bits";

/// The integer of so many bytes.
fn integer(bytes: u32, signed: bool) -> Option<&'static str> {
    let (signed_name, unsigned_name) = match bytes {
        1 => ("i8", "u8"),
        2 => ("i16", "u16"),
        4 => ("i32", "u32"),
        8 => ("i64", "u64"),
        _ => return None,
    };
    Some(if signed { signed_name } else { unsigned_name })
}
