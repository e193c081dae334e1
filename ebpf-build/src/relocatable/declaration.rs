//! Declarations of kernel types in Rust sources: items with `#[btf_relocatable]`.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Expr, ExprLit, GenericArgument, Ident, Item, Lit, PathArguments, Type, UnOp,
    ext::IdentExt as _,
    spanned::Spanned as _,
    visit::{self, Visit},
};

/// Where something is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub file: PathBuf,
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A problem with a declaration: the line, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub place: Place,
    pub message: String,
}

/// A declared type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declaration {
    pub name: String,
    pub place: Place,
    pub shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Struct(Vec<Member>),
    Union(Vec<Member>),
    Enum {
        integer: Integer,
        values: Vec<(String, i128)>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub name: String,
    pub place: Place,
    pub kind: Kind,
}

/// The type of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Integer(Integer),
    Bool,
    /// To anything: loaders compare no further.
    Pointer,
    Array(Box<Kind>, u64),
    /// A bit field.
    Bits(Integer, u32),
    /// Another declared type.
    Named(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Integer {
    pub bits: u32,
    pub signed: bool,
}

impl Integer {
    fn named(name: &str) -> Option<Self> {
        let (bits, signed) = match name {
            "i8" | "c_schar" => (8, true),
            // C's char is signed on x86-64 only; loaders do not compare signs.
            "u8" | "c_uchar" | "c_char" => (8, false),
            "i16" | "c_short" => (16, true),
            "u16" | "c_ushort" => (16, false),
            "i32" | "c_int" => (32, true),
            "u32" | "c_uint" => (32, false),
            "i64" | "isize" | "c_long" | "c_longlong" => (64, true),
            "u64" | "usize" | "c_ulong" | "c_ulonglong" => (64, false),
            _ => return None,
        };
        Some(Self { bits, signed })
    }
}

/// The declarations in the text of a file, and what is wrong with others.
pub(super) fn declarations(file: &Path, text: &str) -> (Vec<Declaration>, Vec<Problem>) {
    // Most files declare nothing, and parsing takes longer than looking.
    if !text.contains("btf_relocatable") {
        return (Vec::new(), Vec::new());
    }
    let mut found = Found {
        file,
        declarations: Vec::new(),
        problems: Vec::new(),
    };
    // What is not Rust, the compiler reports.
    if let Ok(parsed) = syn::parse_file(text) {
        found.visit_file(&parsed);
    }
    (found.declarations, found.problems)
}

struct Found<'file> {
    file: &'file Path,
    declarations: Vec<Declaration>,
    problems: Vec<Problem>,
}

impl<'ast> Visit<'ast> for Found<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let declared = match item {
            Item::Struct(item) if is_relocatable(&item.attrs) => {
                self.record(&item.ident, &item.fields, Shape::Struct)
            }
            Item::Union(item) if is_relocatable(&item.attrs) => {
                let fields = syn::Fields::Named(item.fields.clone());
                self.record(&item.ident, &fields, Shape::Union)
            }
            Item::Enum(item) if is_relocatable(&item.attrs) => self.enumeration(item),
            _ => return visit::visit_item(self, item),
        };
        match declared {
            Ok(declaration) => self.declarations.push(declaration),
            Err(problem) => self.problems.push(problem),
        }
    }
}

fn is_relocatable(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let last = attribute.path().segments.last();
        last.is_some_and(|segment| segment.ident == "btf_relocatable")
    })
}

impl Found<'_> {
    fn place(&self, span: proc_macro2::Span) -> Place {
        Place {
            file: self.file.to_owned(),
            line: u32::try_from(span.start().line).unwrap_or(u32::MAX),
        }
    }

    fn problem<T>(
        &self,
        span: proc_macro2::Span,
        message: impl Into<String>,
    ) -> Result<T, Problem> {
        Err(Problem {
            place: self.place(span),
            message: message.into(),
        })
    }

    /// A name, which has to be one in C.
    fn name(&self, ident: &Ident) -> Result<String, Problem> {
        let name = ident.unraw().to_string();
        if name
            .bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        {
            return Ok(name);
        }
        self.problem(
            ident.span(),
            format!("`{name}` is not a C identifier, so no kernel type has this name"),
        )
    }

    fn record(
        &self,
        name: &Ident,
        fields: &syn::Fields,
        shape: fn(Vec<Member>) -> Shape,
    ) -> Result<Declaration, Problem> {
        let mut members: Vec<Member> = Vec::new();
        for field in fields {
            let Some(ident) = &field.ident else {
                return self.problem(field.span(), "the members of a kernel type must have names");
            };
            members.push(Member {
                name: self.name(ident)?,
                place: self.place(ident.span()),
                kind: self.kind(&field.ty)?,
            });
        }
        Ok(Declaration {
            name: self.name(name)?,
            place: self.place(name.span()),
            shape: shape(members),
        })
    }

    fn kind(&self, of: &Type) -> Result<Kind, Problem> {
        match of {
            Type::Ptr(_) => Ok(Kind::Pointer),
            Type::Paren(inner) => self.kind(&inner.elem),
            Type::Group(inner) => self.kind(&inner.elem),
            Type::Array(array) => {
                let Some(length) = literal(&array.len).and_then(|value| u64::try_from(value).ok())
                else {
                    return self.problem(
                        array.len.span(),
                        "the length of an array must be a literal number: the build script, which \
                         reads it, does not evaluate constants",
                    );
                };
                Ok(Kind::Array(Box::new(self.kind(&array.elem)?), length))
            }
            Type::Path(path) if path.qself.is_none() => {
                let Some(last) = path.path.segments.last() else {
                    return self.problem(of.span(), "a type without a name");
                };
                let name = last.ident.unraw().to_string();
                match (&last.arguments, Integer::named(&name)) {
                    (PathArguments::None, Some(integer)) => Ok(Kind::Integer(integer)),
                    (PathArguments::None, None) if name == "bool" => Ok(Kind::Bool),
                    (PathArguments::None, None) => Ok(Kind::Named(self.name(&last.ident)?)),
                    (PathArguments::AngleBracketed(arguments), None) if name == "Bits" => {
                        let arguments: Vec<_> = arguments.args.iter().collect();
                        self.bits(of, &arguments)
                    }
                    _ => self.unsupported(of),
                }
            }
            _ => self.unsupported(of),
        }
    }

    fn bits(&self, of: &Type, arguments: &[&GenericArgument]) -> Result<Kind, Problem> {
        let &[
            GenericArgument::Type(integer),
            GenericArgument::Const(width),
        ] = arguments
        else {
            return self.problem(
                of.span(),
                "a bit field is declared as `Bits<INTEGER, WIDTH>`, such as `Bits<u32, 1>`",
            );
        };
        let Kind::Integer(integer) = self.kind(integer)? else {
            return self.problem(
                of.span(),
                "the first parameter of `Bits` must be an integer type",
            );
        };
        match literal(width).and_then(|value| u32::try_from(value).ok()) {
            // As wide as the integer: as if it were one.
            Some(width) if width == integer.bits => Ok(Kind::Integer(integer)),
            Some(width @ 1..) if width < integer.bits => Ok(Kind::Bits(integer, width)),
            _ => self.problem(
                width.span(),
                format!(
                    "the width of this bit field must be a number from 1 to {}",
                    integer.bits
                ),
            ),
        }
    }

    fn unsupported<T>(&self, of: &Type) -> Result<T, Problem> {
        self.problem(
            of.span(),
            "a member of a kernel type is an integer, bool, a raw pointer, an array, `Bits`, or \
             a type that is declared with #[btf_relocatable]",
        )
    }

    fn enumeration(&self, item: &syn::ItemEnum) -> Result<Declaration, Problem> {
        let mut values = Vec::new();
        let mut next = 0;
        for variant in &item.variants {
            if let Some((_, value)) = &variant.discriminant {
                let Some(value) = literal(value) else {
                    return self.problem(
                        value.span(),
                        "the value of an enumerator must be a literal number: the build script, \
                         which reads it, does not evaluate constants",
                    );
                };
                next = value;
            }
            values.push((self.name(&variant.ident)?, next));
            next += 1;
        }
        if values.is_empty() {
            return self.problem(
                item.ident.span(),
                "an enum in C has at least one enumerator",
            );
        }
        let representation = item.attrs.iter().find(|of| of.path().is_ident("repr"));
        let integer = match representation {
            None => Integer {
                bits: 32,
                signed: values.iter().any(|(_, value)| *value < 0),
            },
            Some(attribute) => match attribute
                .parse_args::<Ident>()
                .ok()
                .and_then(|name| Integer::named(&name.to_string()))
            {
                Some(integer) if integer.bits >= 32 => integer,
                _ => {
                    return self.problem(
                        attribute.span(),
                        "the `repr` of a kernel enum must be `i32`, `u32`, `i64` or `u64`",
                    );
                }
            },
        };
        Ok(Declaration {
            name: self.name(&item.ident)?,
            place: self.place(item.ident.span()),
            shape: Shape::Enum { integer, values },
        })
    }
}

/// The value of a number, as it is written.
fn literal(expression: &Expr) -> Option<i128> {
    match expression {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => number.base10_parse().ok(),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => {
            literal(&unary.expr).map(|value| -value)
        }
        Expr::Paren(inner) => literal(&inner.expr),
        Expr::Group(inner) => literal(&inner.expr),
        _ => None,
    }
}
