//! `new`: a project with programs of the given types.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    path::PathBuf,
};

use ebpf_build::{Error, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    stdio::stdin,
};

use crate::{
    cli,
    code::Code,
    context::Context,
    interrupt,
    outcome::Outcome,
    report::{Console, new::Created},
    template::{self, Libraries, Name, PROGRAM_TYPES, ProgramType},
};

pub(crate) fn run(request: &cli::New, context: &Context) -> Result<Outcome> {
    let name = Name::new(&request.name)?;
    let directory = PathBuf::from(name.to_string());
    let wanted = match request.program.as_slice() {
        [] => asked(context.console)?,
        given => given.to_vec(),
    };
    let types = ProgramType::all_for(&wanted);
    let libraries = Libraries::own();
    template::create(&directory, &template::files(&name, &types, &libraries))?;
    if let Libraries::Directory(directory) = libraries {
        context.console.note(&format!(
            "the project depends on ebpf-build and ebpf-test in {}, where this cargo-ebpf was \
             built",
            directory.display()
        ));
    }
    context.console.write(&Created {
        project: directory,
        programs: types.iter().map(|program| program.name).collect(),
    })?;
    Ok(Outcome::Fine)
}

/// The types that the user enters.
fn asked(console: Console) -> Result<Vec<&'static ProgramType>> {
    let mut lines = io::stdin().lock();
    if !io::stdin().is_terminal() {
        return Err(missing());
    }
    for program in PROGRAM_TYPES {
        console.note(&format!("  {:<17} {}", program.name, program.runs));
    }
    loop {
        console.note("Program types, one or several (for example: xdp kprobe):");
        await_input()?;
        let mut line = String::new();
        let read = lines.read_line(&mut line);
        if read.map_err(|cause| Error::io("read", "stdin".as_ref(), &cause))? == 0 {
            return Err(missing());
        }
        match chosen(&line) {
            Ok(types) if types.is_empty() => {}
            Ok(types) => return Ok(types),
            Err(unknown) => console.note(&unknown),
        }
    }
}

/// Waits until there is a line on stdin; reading would go on after Ctrl-C.
fn await_input() -> Result<()> {
    const PAUSE: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    loop {
        interrupt::check()?;
        let stdin = stdin();
        let mut events = [PollFd::new(&stdin, PollFlags::IN)];
        if poll(&mut events, Some(&PAUSE)).is_ok_and(|ready| ready > 0) {
            return Ok(());
        }
    }
}

fn missing() -> Error {
    let names: Vec<&str> = PROGRAM_TYPES.iter().map(|program| program.name).collect();
    Error::new(Code::ProgramTypeMissing, "no program type is given").fix(format!(
        "add --program TYPE, with one of: {}",
        names.join(", ")
    ))
}

/// The types in a line; the first word that is none, with what may be meant.
fn chosen(line: &str) -> Result<Vec<&'static ProgramType>, String> {
    let words = line
        .split([' ', ',', '\t', '\n', '\r'])
        .filter(|word| !word.is_empty());
    words
        .map(|word| {
            ProgramType::named(word).ok_or_else(|| match ProgramType::closest(word) {
                Some(name) => format!("{word} is not a program type; did you mean {name}?"),
                None => format!("{word} is not a program type"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_chosen_by_name_and_alias() {
        let names = |line: &str| {
            let types = chosen(line)?;
            Ok(types.iter().map(|program| program.name).collect::<Vec<_>>())
        };
        assert_eq!(names("xdp, tc\n"), Ok(vec!["xdp", "classifier"]));
        assert_eq!(names("\n"), Ok(vec![]));
        let meant = "xpd is not a program type; did you mean xdp?";
        assert_eq!(names("kprobe xpd"), Err(meant.to_owned()));
        let far = "moon is not a program type";
        assert_eq!(names("moon"), Err(far.to_owned()));
    }
}
