//! What is set before the object is loaded: global variables, sizes of maps, which programs are
//! loaded.

use std::fmt::Write as _;

use crate::skeleton::{
    model::{Global, Model, Named, Program},
    program::Kind,
};

/// The programs that need no arguments to be loaded.
pub(super) fn loaded(model: &Model) -> impl Iterator<Item = &Named<Program>> {
    let programs = model.programs.iter();
    programs.filter(|program| program.of.kind.as_ref().is_some_and(Kind::loads_itself))
}

/// What is set before the object is loaded.
pub(super) fn of(model: &Model) -> String {
    let option = |of: &str| format!("Option<{of}>");
    let globals = model.globals.iter().map(|global| Setter {
        identifier: &global.identifier,
        doc: format!("Sets `{}`, in `{}`.", global.name, global.of.section),
        parameter: ("value", global.of.rust_type.clone()),
        field: option(plain_type(&global.of)),
        value: format!("Some({})", global.of.plain),
    });
    let sizes = model.maps.iter().map(|map| Setter {
        identifier: &map.identifier,
        doc: format!("Sets the maximum number of entries of `{}`.", map.name),
        parameter: ("entries", "u32".to_owned()),
        field: option("u32"),
        value: "Some(entries)".to_owned(),
    });
    let loads = loaded(model).map(|program| Setter {
        identifier: &program.identifier,
        doc: format!("Whether `{}` is loaded.", program.name),
        parameter: ("load", "bool".to_owned()),
        field: "bool".to_owned(),
        value: "load".to_owned(),
    });
    let new: String = loaded(model)
        .map(|program| format!("            {}: true,\n", program.identifier))
        .collect();
    let new = format!("    fn new() -> Self {{\n        Self {{\n{new}        }}\n    }}\n");
    [
        group("Autoload", "", "Which programs are loaded.", &new, loads),
        group(
            "Globals",
            DEFAULT,
            "Values of global variables.",
            "",
            globals,
        ),
        group("MaxEntries", DEFAULT, "Sizes of maps.", "", sizes),
    ]
    .join("\n")
}

const DEFAULT: &str = "#[derive(Default)]\n";

/// The type of a variable's value with `Pod`.
fn plain_type(global: &Global) -> &str {
    match global.rust_type.as_str() {
        "bool" => "u8",
        other => other,
    }
}

/// A method that sets a field of the same name.
struct Setter<'a> {
    identifier: &'a str,
    doc: String,
    parameter: (&'static str, String),
    field: String,
    value: String,
}

fn group<'a>(
    name: &str,
    derive: &str,
    doc: &str,
    new: &str,
    setters: impl Iterator<Item = Setter<'a>>,
) -> String {
    let (mut fields, mut methods) = (String::new(), new.to_owned());
    for setter in setters {
        let Setter {
            identifier,
            doc,
            parameter: (parameter, of),
            field,
            value,
        } = setter;
        let _ = writeln!(fields, "    {identifier}: {field},");
        if !methods.is_empty() {
            methods.push('\n');
        }
        let _ = writeln!(
            methods,
            "    /// {doc}\n    pub fn {identifier}(&mut self, {parameter}: {of}) -> &mut Self {{\n        \
                 self.{identifier} = {value};\n        self\n    }}"
        );
    }
    format!("/// {doc}\n{derive}pub struct {name} {{\n{fields}}}\n\nimpl {name} {{\n{methods}}}\n")
}
