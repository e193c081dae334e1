//! What an object has to be before it is handed on.

use std::{collections::BTreeSet, path::Path};

use ebpf_base::btf::Btf;
use object::{
    Architecture, BinaryFormat, File, Object as _, ObjectKind, ObjectSection as _,
    ObjectSymbol as _, SectionKind, SymbolKind,
};

use crate::{Code, Finding, Result, Severity, target::Target};

/// Every warning code that can be denied.
pub const WARNING_CODES: [&str; 3] = [
    Code::IndirectCall.as_str(),
    Code::LegacyMaps.as_str(),
    Code::LicenseMissing.as_str(),
];

/// The maps of aya-log, in its versions: a user neither defines nor reads them.
pub(crate) const OF_AYA_LOG: [&str; 2] = ["AYA_LOGS", "AYA_LOG_BUF"];

/// Checks the object that a build for `target` made. Errors come first.
pub fn check(content: &[u8], target: Target) -> Vec<Finding> {
    let file = match File::parse(content) {
        Ok(file) => file,
        Err(cause) => {
            return vec![
                Finding::error(Code::ObjectNotElf, "the build produced no ELF file")
                    .because(cause.to_string()),
            ];
        }
    };
    let mut findings = header(&file, target);
    if findings.is_empty() {
        findings.extend(license(&file));
        findings.extend(btf(&file));
        findings.extend(unresolved(&file));
        findings.extend(panics(&file));
        findings.extend(indirect_calls(&file));
        findings.extend(legacy_maps(&file));
    }
    findings
}

/// The warnings about the object at `path`, of those that are not `denied` by code.
///
/// # Errors
/// The first finding that is an error.
pub(crate) fn accept(
    content: &[u8],
    target: Target,
    path: &Path,
    denied: impl Fn(&str) -> bool,
) -> Result<Vec<Finding>> {
    let mut warnings = Vec::new();
    for mut finding in check(content, target) {
        if denied(&finding.code) {
            finding.severity = Severity::Error;
        }
        let finding = finding.at(path, None);
        if finding.severity == Severity::Error {
            return Err(finding.into());
        }
        warnings.push(finding);
    }
    Ok(warnings)
}

fn header(file: &File<'_>, target: Target) -> Vec<Finding> {
    let little = target == Target::Little;
    let checks = [
        (
            file.format() == BinaryFormat::Elf && file.is_64(),
            Code::ObjectNotElf64,
            "an ELF64 file",
        ),
        (
            file.architecture() == Architecture::Bpf,
            Code::ObjectNotBpf,
            "for the BPF architecture",
        ),
        (
            file.is_little_endian() == little,
            Code::ObjectEndianness,
            if little {
                "little-endian"
            } else {
                "big-endian"
            },
        ),
        (
            file.kind() == ObjectKind::Relocatable,
            Code::ObjectNotRelocatable,
            "relocatable",
        ),
    ];
    checks
        .into_iter()
        .filter(|(holds, ..)| !holds)
        .map(|(_, code, what)| {
            Finding::error(code, format!("the object is not {what}"))
                .fix("build it with `cargo ebpf build`")
        })
        .collect()
}

fn license(file: &File<'_>) -> Option<Finding> {
    let text = file
        .section_by_name("license")
        .and_then(|section| section.data().ok())
        .unwrap_or_default();
    if text.first().is_some_and(|byte| *byte != 0) && text.last() == Some(&0) {
        return None;
    }
    Some(
        Finding::warning(Code::LicenseMissing, "the object has no license")
            .because(
                "Aya loads it as GPL; libbpf loads it without a license, and many helpers require \
                 a GPL-compatible license",
            )
            .fix(
                "add to the eBPF crate:\n\
                 #[unsafe(link_section = \"license\")]\n\
                 #[unsafe(no_mangle)]\n\
                 static LICENSE: [u8; 13] = *b\"Dual MIT/GPL\\0\";",
            ),
    )
}

fn btf<'a>(file: &'a File<'_>) -> impl Iterator<Item = Finding> + use<'a> {
    [
        (".BTF", Code::BtfMissing),
        (".BTF.ext", Code::BtfExtMissing),
    ]
    .into_iter()
    .filter(|(name, _)| {
        file.section_by_name(name)
            .is_none_or(|section| section.size() == 0)
    })
    .map(|(name, code)| {
        Finding::error(code, format!("the object has no {name}"))
            .because("it is generated only with both debuginfo=2 and link-arg=--btf")
            .fix("cargo ebpf doctor")
    })
}

/// The kernel's functions and variables that the object declares with their types. The loader
/// resolves them: libbpf, and Aya from 0.16 on.
fn kernel_symbols(file: &File<'_>) -> BTreeSet<String> {
    let section = file.section_by_name(".BTF");
    let data = section.and_then(|section| section.data().ok());
    let Some(Ok(btf)) = data.map(Btf::parse) else {
        return BTreeSet::new();
    };
    let declared = btf.section(".ksyms");
    declared
        .map(|found| btf.string(found.name).into_owned())
        .collect()
}

fn unresolved(file: &File<'_>) -> Option<Finding> {
    let declared = kernel_symbols(file);
    let names: BTreeSet<String> = file
        .symbols()
        .filter(|symbol| symbol.is_undefined())
        .filter_map(|symbol| symbol.name().ok())
        .filter(|name| !name.is_empty() && !declared.contains(*name))
        .map(demangle)
        .collect();
    if names.is_empty() {
        return None;
    }
    Some(
        Finding::error(
            Code::SymbolUnresolved,
            format!("the object has undefined symbols: {}", list(&names)),
        )
        .because(UNRESOLVED_CAUSE)
        .fix(unresolved_fix(&names)),
    )
}

/// Replacements for code that LLVM compiles to a library call, by the name of the called function.
const LIBRARY_FIXES: [(&str, &str); 3] = [
    (
        "strlen",
        "the compiler replaced a loop that searches for a zero byte with a call of `strlen`: limit the loop, `for index in 0..LENGTH`",
    ),
    ("bcmp", COMPARISON_FIX),
    ("memcmp", COMPARISON_FIX),
];
const COMPARISON_FIX: &str = "the compiler compares slices of variable length with a library call: compare them byte by byte, in a limited loop, `for index in 0..LENGTH`";

fn unresolved_fix(names: &BTreeSet<String>) -> &'static str {
    let mut fixes = LIBRARY_FIXES.into_iter();
    fixes
        .find(|(name, _)| names.contains(*name))
        .map_or(UNRESOLVED_FIX, |(_, fix)| fix)
}

const UNRESOLVED_CAUSE: &str = "neither the crate nor loaders such as Aya define these symbols";
const UNRESOLVED_FIX: &str = "remove the call, or define the function in the eBPF crate";

/// Whether core only calls the function with this path, as demangled, to panic.
pub fn is_panic(name: &str) -> bool {
    name.starts_with("core::panicking::")
        || name.ends_with("rust_begin_unwind")
        || name.starts_with("core::slice::index::slice_") && name.contains("_fail")
        || name.starts_with("core::str::slice_error_fail")
        || ["unwrap_failed", "expect_failed"].iter().any(|end| {
            name.strip_suffix(end)
                .is_some_and(|path| path.starts_with("core::"))
        })
}

/// Panic code that is left is reachable: with LTO nothing else keeps it. Its loop
/// never ends, so the verifier refuses it, or it hangs a CPU where it does not.
fn panics(file: &File<'_>) -> Option<Finding> {
    let functions: BTreeSet<String> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .filter_map(|symbol| symbol.name().ok())
        .map(demangle)
        .filter(|name| is_panic(name))
        .collect();
    if functions.is_empty() {
        return None;
    }
    let callers = callers_of_panics(file);
    let fix = panic_fix(&functions);
    let who = if callers.is_empty() {
        "the object".to_owned()
    } else {
        list(&callers)
    };
    Some(
        Finding::error(Code::PanicCode, format!("{who} can panic"))
            .because(format!("the object contains {}", list(&functions)))
            .fix(fix),
    )
}

/// Replacements for code that panics, by a part of the name of the called function.
const PANIC_FIXES: [(&str, &str); 6] = [
    (
        "panic_bounds_check",
        "index with get(), or get_mut() for an assignment: `let Some(value) = values.get(index) else { return 0 };`",
    ),
    (
        "core::slice::",
        "take a part with get(): `let Some(part) = bytes.get(..length) else { return 0 };`",
    ),
    ("unwrap_failed", LET_ELSE_FIX),
    ("expect_failed", LET_ELSE_FIX),
    (
        "by_zero",
        "divide with checked_div() or checked_rem(): `let Some(part) = total.checked_div(count) else { return 0 };`",
    ),
    (
        "overflow",
        "calculate with wrapping_add(), checked_mul() and the like",
    ),
];

const LET_ELSE_FIX: &str =
    "take the value with let-else: `let Some(value) = option else { return 0 };`";
const OTHER_PANIC_FIX: &str =
    "handle the case and return a value, instead of panic!(), assert!() and unreachable!()";

/// What to do about these panic functions, and those that call them.
pub fn panic_fix(functions: &BTreeSet<String>) -> String {
    let mut fixes: Vec<&str> = PANIC_FIXES
        .into_iter()
        .filter(|(part, _)| functions.iter().any(|function| function.contains(part)))
        .map(|(_, fix)| fix)
        .collect();
    fixes.dedup();
    if fixes.is_empty() {
        return OTHER_PANIC_FIX.to_owned();
    }
    fixes.join("\n")
}

/// The opcode of a call of what a register points to.
const INDIRECT_CALL: u8 = 0x8d;
/// The opcode of the only instruction with two slots.
const WIDE_LOAD: u8 = 0x18;

/// Calls through pointers. No kernel accepts a program with one, but the other programs of the
/// object can be loaded.
fn indirect_calls(file: &File<'_>) -> Option<Finding> {
    let mut callers = BTreeSet::new();
    let is_code = |section: &object::Section<'_, '_>| section.kind() == SectionKind::Text;
    for section in file.sections().filter(is_code) {
        let mut slots = (0..).step_by(8).zip(section.data().ok()?.chunks_exact(8));
        while let Some((offset, slot)) = slots.next() {
            match slot.first() {
                Some(&WIDE_LOAD) => {
                    slots.next();
                }
                Some(&INDIRECT_CALL) => callers.extend(function_at(file, section.index(), offset)),
                _ => {}
            }
        }
    }
    if callers.is_empty() {
        return None;
    }
    Some(
        Finding::warning(
            Code::IndirectCall,
            format!(
                "functions are called through pointers in {}",
                list(&callers)
            ),
        )
        .because(INDIRECT_CALL_CAUSE)
        .fix(INDIRECT_CALL_FIX),
    )
}

const INDIRECT_CALL_CAUSE: &str = "the verifier rejects programs with such calls: eBPF code can \
                                   call only functions at known addresses";
const INDIRECT_CALL_FIX: &str = "`match` on an index and call the functions by name, use generics \
                                 instead of `dyn`, and `bpf_printk!` or aya-log instead of \
                                 `write!` and `format_args!`";

/// Why a check finds what has this code, and what to do about it, in all its forms.
pub(crate) fn explanation(code: Code) -> Option<(&'static str, Vec<&'static str>)> {
    match code {
        Code::PanicCode => {
            let mut fixes: Vec<_> = PANIC_FIXES.into_iter().map(|(_, fix)| fix).collect();
            fixes.dedup();
            fixes.push(OTHER_PANIC_FIX);
            Some((
                "code that can panic ends in an endless loop, which the verifier rejects",
                fixes,
            ))
        }
        Code::IndirectCall => Some((INDIRECT_CALL_CAUSE, vec![INDIRECT_CALL_FIX])),
        Code::SymbolUnresolved => {
            let mut fixes = vec![UNRESOLVED_FIX];
            fixes.extend(LIBRARY_FIXES.into_iter().map(|(_, fix)| fix));
            fixes.dedup();
            Some((UNRESOLVED_CAUSE, fixes))
        }
        _ => None,
    }
}

/// The functions that call a panic function.
fn callers_of_panics(file: &File<'_>) -> BTreeSet<String> {
    let mut callers = BTreeSet::new();
    for section in file
        .sections()
        .filter(|section| section.kind() == SectionKind::Text)
    {
        let code = section.data().unwrap_or_default();
        for (offset, relocation) in section.relocations() {
            let panics =
                callee(file, code, offset, relocation.target()).is_some_and(|name| is_panic(&name));
            let caller = function_at(file, section.index(), offset);
            callers.extend(caller.filter(|name| panics && !is_panic(name)));
        }
    }
    callers
}

/// What the relocated call at `offset` calls. LLVM relocates a call of a local
/// function against its section, with the instruction's `imm` counting instructions
/// from the section's begin, less one (`R_BPF_64_32` in LLVM's BPF relocations).
fn callee(
    file: &File<'_>,
    code: &[u8],
    offset: u64,
    target: object::RelocationTarget,
) -> Option<String> {
    let object::RelocationTarget::Symbol(index) = target else {
        return None;
    };
    let symbol = file.symbol_by_index(index).ok()?;
    if symbol.kind() != SymbolKind::Section {
        return symbol.name().ok().map(demangle);
    }
    let imm = usize::try_from(offset).ok()?.checked_add(4)?;
    let imm = code.get(imm..imm + 4)?.try_into().ok()?;
    let imm = if file.is_little_endian() {
        i32::from_le_bytes(imm)
    } else {
        i32::from_be_bytes(imm)
    };
    let instruction = u64::try_from(i64::from(imm) + 1).ok()?;
    function_at(file, symbol.section_index()?, instruction * 8)
}

fn function_at(file: &File<'_>, section: object::SectionIndex, offset: u64) -> Option<String> {
    file.symbols()
        .find(|symbol| {
            symbol.kind() == SymbolKind::Text
                && symbol.section_index() == Some(section)
                && offset >= symbol.address()
                && offset - symbol.address() < symbol.size()
        })
        .and_then(|symbol| symbol.name().ok().map(demangle))
}

fn legacy_maps(file: &File<'_>) -> Option<Finding> {
    let maps = file.section_by_name("maps")?;
    let names: BTreeSet<String> = file
        .symbols()
        .filter(|symbol| symbol.section_index() == Some(maps.index()))
        .filter_map(|symbol| symbol.name().ok())
        .filter(|name| !name.is_empty() && !OF_AYA_LOG.contains(name))
        .map(demangle)
        .collect();
    (!names.is_empty()).then(|| {
        Finding::warning(
            Code::LegacyMaps,
            format!(
                "the map {} is defined in the legacy section `maps`",
                list(&names)
            ),
        )
        .because("libbpf 1.0 and newer, and so bpftool, reject objects with such a section")
        .fix("use #[btf_map] and aya_ebpf::btf_maps instead of #[map] and aya_ebpf::maps")
    })
}

/// The path of a Rust function, without its hash. Control characters are an
/// attack on the terminal.
fn demangle(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
        .chars()
        .filter(|character| !character.is_control())
        .collect()
}

/// "a, b and 3 more".
fn list(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_panic_functions_are_known() {
        for name in [
            "core::panicking::panic_bounds_check",
            "core::panicking::panic_fmt",
            "core::option::unwrap_failed",
            "core::option::expect_failed",
            "core::result::unwrap_failed",
            "core::slice::index::slice_end_index_len_fail",
            "rust_begin_unwind",
            "__rustc::rust_begin_unwind",
        ] {
            assert!(is_panic(name), "{name}");
        }
        for name in ["my::panicking", "core::slice::memchr", "unwrap_failed"] {
            assert!(!is_panic(name), "{name}");
        }
    }

    #[test]
    fn kernel_functions_are_the_loaders() {
        let objects =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../cargo-ebpf/tests/linking/objects");
        let unresolved = |name: &str| {
            let content = std::fs::read(objects.join(name)).unwrap();
            let findings = check(&content, Target::Little);
            findings
                .iter()
                .any(|finding| finding.code == Code::SymbolUnresolved.as_str())
        };
        assert!(!unresolved("kernel_functions.o"));
        // BTF does not declare it to be of the kernel.
        assert!(unresolved("undeclared_function.o"));
    }

    #[test]
    fn each_kind_of_panic_has_its_fix() {
        let fix =
            |names: &[&str]| panic_fix(&names.iter().map(|name| (*name).to_owned()).collect());
        let bounds = "core::panicking::panic_bounds_check";
        assert!(fix(&[bounds, "core::panicking::panic_fmt"]).starts_with("index with get()"));
        assert!(fix(&["core::slice::index::slice_index_fail"]).contains(".get(..length)"));
        let unwrap = fix(&["core::option::unwrap_failed", "core::option::expect_failed"]);
        assert!(
            unwrap.contains("let-else") && !unwrap.contains('\n'),
            "{unwrap}"
        );
        let zero = fix(&["core::panicking::panic_const::panic_const_div_by_zero"]);
        assert!(zero.contains("checked_div()"));
        assert!(fix(&["core::panicking::panic_fmt"]).contains("assert!()"));
    }

    #[test]
    fn what_is_no_elf_is_said_once() {
        for content in [&b""[..], b"#!/bin/sh\n", &[0x7f, b'E', b'L', b'F']] {
            let findings = check(content, Target::Little);
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].code, "object-not-elf");
        }
    }

    #[test]
    fn a_native_program_is_not_for_bpf() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let codes: Vec<_> = check(&own, Target::Little)
            .into_iter()
            .map(|finding| finding.code.into_owned())
            .collect();
        assert!(
            codes.iter().any(|code| code == "object-not-bpf"),
            "{codes:?}"
        );
        assert!(
            codes.iter().any(|code| code == "object-not-relocatable"),
            "{codes:?}"
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let names = ["a", "b", "c", "d", "e"].map(str::to_owned).into();
        assert_eq!(list(&names), "a, b, c and 2 more");
    }
}
