//! The module with a type for each program.

use std::fmt::Write as _;

use super::indented;
use crate::skeleton::{
    model::{Named, Program},
    program::{Attach, Call, Kind},
};

pub(super) fn of(programs: &[Named<Program>]) -> String {
    let programs: Vec<_> = programs.iter().map(one_program).collect();
    format!(
        "/// The type of each program.\npub mod programs {{\n{}}}\n",
        indented(&programs.join("\n"))
    )
}

fn one_program(program: &Named<Program>) -> String {
    let Named {
        name,
        identifier,
        of,
    } = program;
    let mut text = format!(
        "/// The program `{name}`, in the section `{}`.\npub struct {identifier}<'a> {{\n    pub(super) progs: &'a mut super::Progs,\n}}\n\n\
         impl<'a> {identifier}<'a> {{\n",
        of.section
    );
    let (aya, find) = match &of.kind {
        Some(kind) => (kind.aya, "program"),
        None => ("Program", "any_program"),
    };
    let result = |ok: &str| format!("::core::result::Result<{ok}, ::aya::programs::ProgramError>");
    let _ = write!(
        text,
        "    /// Aya's program.\n    ///\n    /// # Errors\n    /// When it has another type in Aya.\n    \
             pub fn program(self) -> {} {{\n        super::{find}(&mut self.progs.ebpf, {:?})\n    }}\n",
        result(&format!("&'a mut ::aya::programs::{aya}")),
        name.as_str()
    );
    if let Some(kind) = &of.kind {
        text.push_str(&load(name.as_str(), kind, &result("()")));
        if let Some(attach) = &kind.attach {
            text.push_str(&attach_method(name.as_str(), kind, attach, &result));
        }
    }
    text.push_str("}\n");
    text
}

/// The program of a method.
fn found(name: &str, kind: &Kind) -> String {
    format!(
        "let program: &mut ::aya::programs::{} = super::program(&mut self.progs.ebpf, {name:?})?;",
        kind.aya
    )
}

fn load(name: &str, kind: &Kind, result: &str) -> String {
    let btf = match kind.load.btf {
        true => "\n            let btf = super::kernel_types(&mut self.progs.btf)?;",
        false => "",
    };
    format!(
        "\n    /// Loads the program into the kernel, unless it is loaded.\n    ///\n    /// # Errors\n    \
             /// When the kernel rejects it.\n    pub fn load{}(&mut self{}) -> {result} {{\n        {}\n        \
             if program.fd().is_err() {{{btf}\n            program.load({})?;\n        }}\n        \
             ::core::result::Result::Ok(())\n    }}\n",
        kind.load.generics,
        parameters(&kind.load),
        found(name, kind),
        kind.load.arguments,
    )
}

fn attach_method(
    name: &str,
    kind: &Kind,
    attach: &Attach,
    result: &impl Fn(&str) -> String,
) -> String {
    let Attach { call, link } = attach;
    let (doc, load) = match kind.loads_itself() {
        true => (
            "Attaches the program, and loads it before if it is not loaded.",
            "self.load()?;\n        ",
        ),
        false => ("Attaches the program, which must be loaded.", ""),
    };
    let link = match *link {
        "()" => "()".to_owned(),
        link => format!("::aya::programs::{link}"),
    };
    format!(
        "\n    /// {doc}\n    ///\n    /// # Errors\n    /// When the kernel rejects it.\n    \
             pub fn attach{}(&mut self{}) -> {} {{\n        {load}{}\n        program.attach({})\n    }}\n",
        call.generics,
        parameters(call),
        result(&link),
        found(name, kind),
        call.arguments,
    )
}

fn parameters(call: &Call) -> String {
    let parameters = call.parameters.iter();
    parameters
        .map(|(name, of)| format!(", {name}: {of}"))
        .collect()
}
