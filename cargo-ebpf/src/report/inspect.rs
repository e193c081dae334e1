//! How `inspect` says what it read.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anstyle::{AnsiColor, Style as Ansi};
use ebpf_object::{Map, Memory, Name, Object, Program, disassembly::Listing, lines::Frame};
use serde::Serialize;

use super::{
    Report,
    human::{self, counted},
    listing, table,
};

/// The result of `inspect`.
#[derive(Debug, Serialize)]
pub(crate) struct Inspection {
    file: Name,
    #[serde(flatten)]
    object: Object,
    /// The code, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Vec<Listing>>,
    #[serde(skip)]
    here: PathBuf,
}

impl Inspection {
    /// Puts the parts together. Source paths under `here` are shown relative to it. `source` gives a line of a source file where it can be
    /// read; text that the object itself carries goes before it.
    pub(crate) fn new(
        path: &Path,
        here: PathBuf,
        object: Object,
        mut code: Option<Vec<Listing>>,
        mut source: impl FnMut(&str, u32) -> Option<String>,
    ) -> Self {
        let frames = code
            .iter_mut()
            .flatten()
            .flat_map(|listing| &mut listing.code)
            .flat_map(|line| &mut line.frames);
        for frame in frames {
            let Frame {
                file, line, text, ..
            } = frame;
            if let (None, Some(file), Some(line)) = (&text, file, *line) {
                *text = source(file.as_str(), line).map(Name::from);
            }
        }
        Self {
            file: Name::from(path.to_string_lossy()),
            object,
            code,
            here,
        }
    }
}

/// The look of headings.
const HEADING: Ansi = AnsiColor::Green.on_default().bold();
/// The look of what a thing is called.
const NAME: Ansi = AnsiColor::Cyan.on_default().bold();
/// The look of what matters less.
const DIM: Ansi = Ansi::new().dimmed();

impl Report for Inspection {
    fn human(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text.truncate(text.trim_end().len());
        text
    }
}

impl Inspection {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        let object = &self.object;
        writeln!(out, "{NAME}{}{NAME:#}", self.file)?;
        writeln!(out, "  {}", object.header)?;
        writeln!(out, "  size     {}", counted(object.size, "byte"))?;
        match &object.license {
            Some(license) => writeln!(out, "  license  {license}")?,
            None => writeln!(out, "  license  none")?,
        }
        writeln!(out, "  BTF      {}", type_information(object))?;
        if !object.externs.is_empty() {
            writeln!(out, "  externs  {}", list(&object.externs))?;
        }
        if !object.unresolved.is_empty() {
            let red = AnsiColor::Red.on_default().bold();
            let names = list(&object.unresolved);
            writeln!(
                out,
                "  {red}unresolved{red:#}  {names} (no loader accepts this object)"
            )?;
        }

        writeln!(
            out,
            "\n{HEADING}Programs{HEADING:#} {}",
            object.programs.len()
        )?;
        for program in &object.programs {
            write_program(out, program)?;
        }
        if !object.subprograms.is_empty() {
            writeln!(
                out,
                "\n{HEADING}Subprograms{HEADING:#} {}",
                object.subprograms.len()
            )?;
            let mut table = table::new(["name", "instructions"], 1..);
            for function in &object.subprograms {
                table.add_row([
                    function.name.demangled().to_string(),
                    function.instructions.to_string(),
                ]);
            }
            out.push_str(&table::indented(&table));
        }
        writeln!(out, "\n{HEADING}Maps{HEADING:#} {}", object.maps.len())?;
        if !object.maps.is_empty() {
            write_maps(out, &object.maps)?;
        }
        for listing in self.code.iter().flatten() {
            listing::write(out, listing, &self.here)?;
        }
        for finding in &object.findings {
            writeln!(out, "\n{}", human::finding(finding))?;
        }
        Ok(())
    }
}

fn type_information(object: &Object) -> String {
    let Some(btf) = object.btf else {
        return "none".to_owned();
    };
    let types = counted(btf.types, "type");
    match btf.ext {
        Some(ext) => format!(
            "{types}; BTF.ext with {}, {}, {}",
            counted(ext.func_infos, "function"),
            counted(ext.line_infos, "line"),
            counted(ext.core_relocations, "CO-RE relocation"),
        ),
        None => format!("{types}; no BTF.ext"),
    }
}

fn write_program(out: &mut String, program: &Program) -> std::fmt::Result {
    let Program {
        function,
        hook,
        loaded_instructions,
        references,
        ..
    } = program;
    let kind = hook.as_ref().map_or_else(
        || "unknown type".to_owned(),
        |hook| hook.program_type.to_string(),
    );
    writeln!(
        out,
        "  {NAME}{}{NAME:#} {DIM}{kind}{DIM:#}",
        function.name.demangled()
    )?;
    writeln!(out, "    section   {}", function.section)?;
    match hook {
        Some(hook) => {
            let sleeps = if hook.sleepable { ", sleepable" } else { "" };
            let waits = if hook.autoload {
                ""
            } else {
                ", not loaded by default"
            };
            writeln!(out, "    attaches  {}{sleeps}{waits}", hook.describe())?;
        }
        None => writeln!(
            out,
            "    attaches  unknown: neither libbpf nor Aya recognises the section name"
        )?,
    }
    let own = function.instructions;
    let shared = match loaded_instructions - own {
        0 => String::new(),
        more => format!(", {loaded_instructions} with its subprograms ({more} more)"),
    };
    writeln!(out, "    size      {}{shared}", counted(own, "instruction"))?;
    for (what, names) in [
        ("helpers ", &references.helpers),
        ("kfuncs  ", &references.kfuncs),
        ("maps    ", &references.maps),
        (
            "calls   ",
            &references.subprograms.iter().map(Name::demangled).collect(),
        ),
    ] {
        if !names.is_empty() {
            writeln!(out, "    {what}  {}", list(names))?;
        }
    }
    Ok(())
}

fn write_maps(out: &mut String, maps: &[Map]) -> std::fmt::Result {
    let mut table = table::new(
        [
            "name", "type", "key", "value", "entries", "memory", "flags", "declared",
        ],
        2..=5,
    );
    for map in maps {
        let declared = map.style.to_string();
        table.add_row(match &map.definition {
            Some(definition) => [
                map.name.to_string(),
                definition.map_type.clone(),
                bytes(definition.key_size.into()),
                bytes(definition.value_size.into()),
                definition.max_entries.to_string(),
                memory(definition.memory),
                flags(definition.flags),
                if definition.pinned {
                    format!("{declared}, pinned")
                } else {
                    declared
                },
            ],
            None => {
                let lost = || "?".to_owned();
                let name = map.name.to_string();
                let declared = format!("{declared}, unknown without BTF");
                [
                    name,
                    lost(),
                    lost(),
                    lost(),
                    lost(),
                    lost(),
                    String::new(),
                    declared,
                ]
            }
        });
    }
    out.push_str(&table::indented(&table));
    Ok(())
}

fn list<'a>(names: impl IntoIterator<Item = &'a Name>) -> String {
    let names: Vec<_> = names.into_iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// A size in the largest unit that it fills.
fn bytes(count: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| count >> shift > 0) {
        Some((shift, unit)) => {
            let tenths = (u128::from(count) * 10) >> shift;
            match tenths % 10 {
                0 => format!("{} {unit}", tenths / 10),
                tenth => format!("{}.{tenth} {unit}", tenths / 10),
            }
        }
        None => format!("{count} B"),
    }
}

fn memory(memory: Memory) -> String {
    let per_cpu = if memory.per_cpu { " per CPU" } else { "" };
    format!("{}{per_cpu}", bytes(memory.bytes))
}

/// Flags by name: `BPF_F_*` at map creation, of the kernel's bpf.h.
const FLAGS: [(u32, &str); 19] = [
    (1 << 0, "no-prealloc"),
    (1 << 1, "no-common-lru"),
    (1 << 2, "numa-node"),
    (1 << 3, "rdonly"),
    (1 << 4, "wronly"),
    (1 << 5, "stack-build-id"),
    (1 << 6, "zero-seed"),
    (1 << 7, "rdonly-prog"),
    (1 << 8, "wronly-prog"),
    (1 << 9, "clone"),
    (1 << 10, "mmapable"),
    (1 << 11, "preserve-elems"),
    (1 << 12, "inner-map"),
    (1 << 13, "link"),
    (1 << 14, "path-fd"),
    (1 << 15, "vtype-btf-obj-fd"),
    (1 << 16, "token-fd"),
    (1 << 17, "segv-on-fault"),
    (1 << 18, "no-user-conv"),
];

fn flags(flags: u32) -> String {
    let mut known = 0;
    let mut names = Vec::new();
    for (flag, name) in FLAGS.into_iter().filter(|(flag, _)| flags & flag != 0) {
        known |= flag;
        names.push(name.to_owned());
    }
    if flags & !known != 0 {
        names.push(format!("{:#x}", flags & !known));
    }
    names.join(" ")
}
