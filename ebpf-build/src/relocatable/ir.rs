//! The LLVM IR that answers the questions about declared types.
//!
//! For each member and each question there is a function, which the linker inlines:
//!
//! ```text
//! define i64 @"__btf.task_struct.pid.byte_offset"() alwaysinline nounwind {
//!   %member = call ptr @llvm.preserve.struct.access.index.p0.p0(
//!     ptr elementtype(%"task_struct") null, i32 0, i32 0), !llvm.preserve.access.index !1
//!   %answer = call i32 @llvm.bpf.preserve.field.info.p0(ptr %member, i64 0)
//! ```
//!
//! These are the intrinsics that clang makes of `__builtin_preserve_field_info`: LLVM makes a
//! relocation of them, by the description of the type in `!1`. The functions themselves have no
//! debug information, so what is inlined belongs to the line that calls it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use super::{
    declaration::{Declaration, Integer, Kind, Member, Place, Shape},
    types::Types,
};

/// What can be asked of a member: the name, and `enum bpf_core_relo_kind` of LLVM.
const OF_MEMBER: [(&str, u32); 3] = [("byte_offset", 0), ("byte_size", 1), ("exists", 2)];

/// What can be asked of one that is an integer. LLVM stops where it is asked of another.
const OF_INTEGER: [(&str, u32); 3] = [("signed", 3), ("left_shift", 4), ("right_shift", 5)];

/// What can be asked of a type: the name, and the flag of `__builtin_preserve_type_info`.
const OF_TYPE: [(&str, u32); 3] = [("exists", 0), ("byte_size", 1), ("matches", 2)];

/// What can be asked of an enumerator: the name, and the flag of
/// `__builtin_preserve_enum_value`.
const OF_ENUMERATOR: [(&str, u32); 2] = [("exists", 0), ("value", 1)];

/// What may write any memory: LLVM reads the answer from memory, and does not read it before. Else
/// it would move the read out of loops, above the branch that asks whether the member exists.
const STAY: &str = "call void asm sideeffect \"\", \"~{memory}\"()\n  ";

/// Returns a number that LLVM knows nothing of. It would put the offset of a member into the loads
/// at that offset, and loaders take each such load for one of the whole member: they reject one of
/// another size, such as of a part of an array, where the member's size is another one.
const OPAQUE: &str = "%opaque = call i64 asm \"\", \"=r,0\"(i64 %wide)\n  ret i64 %opaque";

/// The text for `types`, for a target triple.
pub(super) fn module(types: &Types, triple: &str) -> String {
    let mut module = Module {
        types,
        code: String::new(),
        metadata: Vec::new(),
        named: BTreeMap::new(),
        files: BTreeMap::new(),
        integers: BTreeMap::new(),
        questions: 0,
    };
    for declaration in types.0.values() {
        module.declaration(declaration);
    }
    let mut text = format!(
        "target triple = \"{triple}\"\n\n{}\n\
         declare ptr @llvm.preserve.struct.access.index.p0.p0(ptr, i32 immarg, i32 immarg)\n\
         declare ptr @llvm.preserve.union.access.index.p0.p0(ptr, i32 immarg)\n\
         declare i32 @llvm.bpf.preserve.field.info.p0(ptr, i64 immarg)\n\
         declare i32 @llvm.bpf.preserve.type.info(i32, i64 immarg)\n\
         declare i64 @llvm.bpf.preserve.enum.value(i32, ptr, i64 immarg)\n\n\
         !llvm.module.flags = !{{!0}}\n\
         !0 = !{{i32 2, !\"Debug Info Version\", i32 3}}\n",
        module.code
    );
    for (number, node) in (1..).zip(&module.metadata) {
        let _ = writeln!(text, "!{number} = {node}");
    }
    text
}

struct Module<'types> {
    types: &'types Types,
    code: String,
    /// Node 1 and those that follow.
    metadata: Vec<String>,
    /// The nodes of declared types.
    named: BTreeMap<&'types str, (usize, Layout)>,
    files: BTreeMap<&'types Path, usize>,
    integers: BTreeMap<String, usize>,
    /// Numbers the questions that LLVM would take for the same otherwise.
    questions: u32,
}

/// The size and alignment of a type, in bits, by the rules of C.
#[derive(Debug, Clone, Copy)]
struct Layout {
    size: u64,
    align: u64,
}

impl<'types> Module<'types> {
    fn add(&mut self, node: String) -> usize {
        self.metadata.push(node);
        self.metadata.len()
    }

    fn declaration(&mut self, declaration: &'types Declaration) {
        let name = &declaration.name;
        let (node, layout) = self.named_type(name);
        match &declaration.shape {
            Shape::Struct(members) => {
                // LLVM takes the number of members and the alignment from it, no more.
                let _ = writeln!(
                    self.code,
                    "%\"{name}\" = type {{ i{}{} }}",
                    layout.align,
                    ", i8".repeat(members.len().saturating_sub(1))
                );
                for (index, member) in members.iter().enumerate() {
                    let access = format!(
                        "@llvm.preserve.struct.access.index.p0.p0(ptr elementtype(%\"{name}\") \
                         null, i32 {index}, i32 {index})"
                    );
                    self.member(name, member, &access, node);
                }
            }
            Shape::Union(members) => {
                for (index, member) in members.iter().enumerate() {
                    let access =
                        format!("@llvm.preserve.union.access.index.p0.p0(ptr null, i32 {index})");
                    self.member(name, member, &access, node);
                }
            }
            Shape::Enum { values, .. } => {
                for (value, number) in values {
                    self.enumerator(name, value, *number, node);
                }
            }
        }
        for (question, flag) in OF_TYPE {
            self.questions += 1;
            let _ = writeln!(
                self.code,
                "define i64 @\"__btf.{name}..{question}\"() alwaysinline nounwind {{\n  \
                 %answer = call i32 @llvm.bpf.preserve.type.info(i32 {}, i64 {flag}), \
                 !llvm.preserve.access.index !{node}\n  \
                 %wide = zext i32 %answer to i64\n  ret i64 %wide\n}}",
                self.questions
            );
        }
    }

    fn member(&mut self, of: &str, member: &Member, access: &str, node: usize) {
        let name = &member.name;
        let integer = match &member.kind {
            Kind::Integer(_) | Kind::Bits(..) | Kind::Bool => true,
            Kind::Named(name) => self.is_enum(name),
            Kind::Pointer | Kind::Array(..) => false,
        };
        let asked = OF_INTEGER.iter().filter(|_| integer);
        for (question, kind) in OF_MEMBER.iter().chain(asked) {
            let _ = writeln!(
                self.code,
                "define i64 @\"__btf.{of}.{name}.{question}\"() alwaysinline nounwind {{\n  \
                 {STAY}%member = call ptr {access}, !llvm.preserve.access.index !{node}\n  \
                 %answer = call i32 @llvm.bpf.preserve.field.info.p0(ptr %member, i64 {kind})\n  \
                 %wide = zext i32 %answer to i64\n  {OPAQUE}\n}}"
            );
        }
        for (question, _) in OF_INTEGER.iter().filter(|_| !integer) {
            let _ = writeln!(
                self.code,
                "define i64 @\"__btf.{of}.{name}.{question}\"() alwaysinline nounwind {{\n  \
                 ret i64 0\n}}"
            );
        }
    }

    fn is_enum(&self, name: &str) -> bool {
        let declaration = self.types.0.get(name);
        declaration.is_some_and(|found| matches!(found.shape, Shape::Enum { .. }))
    }

    fn enumerator(&mut self, of: &str, name: &str, value: i128, node: usize) {
        let text = format!("{name}:{value}");
        let global = format!("@\"__btf.{of}.{name}\"");
        let _ = writeln!(
            self.code,
            "{global} = private unnamed_addr constant [{} x i8] c\"{text}\\00\"",
            text.len() + 1
        );
        for (question, flag) in OF_ENUMERATOR {
            self.questions += 1;
            let _ = writeln!(
                self.code,
                "define i64 @\"__btf.{of}.{name}.{question}\"() alwaysinline nounwind {{\n  \
                 {STAY}%answer = call i64 @llvm.bpf.preserve.enum.value(i32 {}, ptr {global}, \
                 i64 {flag}), !llvm.preserve.access.index !{node}\n  ret i64 %answer\n}}",
                self.questions
            );
        }
    }

    /// The node of a declared type, which is made the first time.
    fn named_type(&mut self, name: &'types str) -> (usize, Layout) {
        if let Some(known) = self.named.get(name) {
            return *known;
        }
        // `Types` has checked that it is there, and does not contain itself.
        let Some(declaration) = self.types.0.get(name) else {
            return (0, Layout { size: 0, align: 8 });
        };
        // Its members refer to it, so it has its number before them.
        let node = self.add(String::new());
        let place = self.place(&declaration.place);
        let (tag, content, layout) = match &declaration.shape {
            Shape::Struct(members) => {
                let (elements, layout) = self.members(members, node, false);
                ("structure_type", format!("elements: !{elements}"), layout)
            }
            Shape::Union(members) => {
                let (elements, layout) = self.members(members, node, true);
                ("union_type", format!("elements: !{elements}"), layout)
            }
            Shape::Enum { integer, values } => {
                let base = self.integer(*integer);
                let unsigned = if integer.signed {
                    ""
                } else {
                    ", isUnsigned: true"
                };
                let values: Vec<String> = values
                    .iter()
                    .map(|(name, value)| {
                        let node = self.add(format!(
                            "!DIEnumerator(name: \"{name}\", value: {value}{unsigned})"
                        ));
                        format!("!{node}")
                    })
                    .collect();
                let elements = self.add(format!("!{{{}}}", values.join(", ")));
                (
                    "enumeration_type",
                    format!("baseType: !{base}, elements: !{elements}"),
                    layout_of_integer(*integer),
                )
            }
        };
        self.metadata[node - 1] = format!(
            "distinct !DICompositeType(tag: DW_TAG_{tag}, name: \"{name}\", {place}, \
             size: {}, {content})",
            layout.size
        );
        self.named.insert(name, (node, layout));
        (node, layout)
    }

    /// The list of members, at offsets that ascend as they are listed: LLVM names them by their
    /// index, and bpf-linker sorts by offset.
    fn members(&mut self, members: &'types [Member], scope: usize, union: bool) -> (usize, Layout) {
        let mut whole = Layout { size: 0, align: 8 };
        let mut end = 0;
        let mut nodes = Vec::new();
        for member in members {
            let (base, layout) = self.kind(&member.kind);
            let mut begin = if union { 0 } else { end };
            let mut bit_field = String::new();
            let mut size = layout.size;
            if let Kind::Bits(integer, width) = member.kind {
                let (unit, width) = (u64::from(integer.bits), u64::from(width));
                // Within one integer.
                if begin % unit + width > unit {
                    begin = begin.next_multiple_of(unit);
                }
                size = width;
                bit_field = format!(
                    ", flags: DIFlagBitField, extraData: i64 {}",
                    begin - begin % unit
                );
            } else {
                begin = begin.next_multiple_of(layout.align);
            }
            end = begin + size;
            whole.size = whole.size.max(end);
            whole.align = whole.align.max(layout.align);
            let place = self.place(&member.place);
            let node = self.add(format!(
                "!DIDerivedType(tag: DW_TAG_member, name: \"{}\", scope: !{scope}, {place}, \
                 baseType: !{base}, size: {size}, offset: {begin}{bit_field})",
                member.name
            ));
            nodes.push(format!("!{node}"));
        }
        whole.size = whole.size.next_multiple_of(whole.align);
        (self.add(format!("!{{{}}}", nodes.join(", "))), whole)
    }

    fn kind(&mut self, kind: &'types Kind) -> (usize, Layout) {
        match kind {
            Kind::Integer(integer) | Kind::Bits(integer, _) => {
                (self.integer(*integer), layout_of_integer(*integer))
            }
            Kind::Bool => (
                self.basic("_Bool", 8, "boolean"),
                Layout { size: 8, align: 8 },
            ),
            Kind::Pointer => {
                let node = "!DIDerivedType(tag: DW_TAG_pointer_type, baseType: null, size: 64)";
                (
                    self.add(node.to_owned()),
                    Layout {
                        size: 64,
                        align: 64,
                    },
                )
            }
            Kind::Array(element, length) => {
                let (base, layout) = self.kind(element);
                // As clang describes a flexible array.
                let count = i128::from(*length) - i128::from(*length == 0);
                let range = self.add(format!("!DISubrange(count: {count})"));
                let ranges = self.add(format!("!{{!{range}}}"));
                let size = layout.size.saturating_mul(*length);
                let node = self.add(format!(
                    "!DICompositeType(tag: DW_TAG_array_type, baseType: !{base}, size: {size}, \
                     elements: !{ranges})"
                ));
                (node, Layout { size, ..layout })
            }
            Kind::Named(name) => self.named_type(name),
        }
    }

    fn integer(&mut self, integer: Integer) -> usize {
        let (name, encoding) = match (integer.bits, integer.signed) {
            (8, true) => ("signed char", "signed_char"),
            (8, false) => ("unsigned char", "unsigned_char"),
            (16, true) => ("short", "signed"),
            (16, false) => ("unsigned short", "unsigned"),
            (32, true) => ("int", "signed"),
            (32, false) => ("unsigned int", "unsigned"),
            (_, true) => ("long", "signed"),
            (_, false) => ("unsigned long", "unsigned"),
        };
        self.basic(name, integer.bits, encoding)
    }

    fn basic(&mut self, name: &str, bits: u32, encoding: &str) -> usize {
        let node =
            format!("!DIBasicType(name: \"{name}\", size: {bits}, encoding: DW_ATE_{encoding})");
        match self.integers.get(&node) {
            Some(number) => *number,
            None => {
                let number = self.add(node.clone());
                self.integers.insert(node, number);
                number
            }
        }
    }

    fn place(&mut self, place: &'types Place) -> String {
        let file: &'types PathBuf = &place.file;
        let number = match self.files.get(file.as_path()) {
            Some(number) => *number,
            None => {
                let node = format!(
                    "!DIFile(filename: \"{}\", directory: \"\")",
                    escaped(&file.display().to_string())
                );
                let number = self.add(node);
                self.files.insert(file, number);
                number
            }
        };
        format!("file: !{number}, line: {}", place.line)
    }
}

fn layout_of_integer(integer: Integer) -> Layout {
    let bits = u64::from(integer.bits);
    Layout {
        size: bits,
        align: bits,
    }
}

/// As a string of LLVM IR.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'"' && byte != b'\\' => escaped.push(char::from(byte)),
            _ => {
                let _ = write!(escaped, "\\{byte:02X}");
            }
        }
    }
    escaped
}
