//! Attaches the eBPF programs, and prints once per second what they have counted.

use std::{env, error::Error, process::ExitCode, time::Duration};

use aya::Ebpf;

use project_name::{
    OBJECT, PROGRAMS, Program, Result, count, start,
    system::{self, Interrupts},
};

const USAGE: &str = "usage: project-name [--seconds N] [PROGRAM=TARGET]...";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result {
    let arguments = Arguments::read(env::args().skip(1))?;
    let interrupts = Interrupts::block();
    system::lift_memory_limit();

    let mut ebpf = Ebpf::load(OBJECT)?;
    for program in PROGRAMS {
        let Program { name, .. } = program;
        let target = arguments.target(program);
        start(&mut ebpf, program, target)
            .map_err(|error| format!("{name}={target}: {}", with_causes(&*error)))?;
        println!("attached {name} {target}");
    }
    for second in 1.. {
        if interrupts.within(Duration::from_secs(1)) {
            break;
        }
        for program in PROGRAMS {
            let count = count(&ebpf, program)?;
            println!("{}: {count} {}", program.name, program.counts);
        }
        if arguments.seconds == Some(second) {
            break;
        }
    }
    Ok(())
}

/// The command line.
#[derive(Default)]
struct Arguments {
    /// When to end; by default, with Ctrl-C.
    seconds: Option<u64>,
    /// Programs, and what to attach them to.
    targets: Vec<(String, String)>,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            if word == "--seconds" {
                arguments.seconds = Some(words.next().ok_or(USAGE)?.parse()?);
            } else {
                let (name, target) = word.split_once('=').ok_or(USAGE)?;
                if !PROGRAMS.iter().any(|program| program.name == name) {
                    return Err(format!("unknown program {name}").into());
                }
                arguments.targets.push((name.into(), target.into()));
            }
        }
        Ok(arguments)
    }

    fn target(&self, program: &Program) -> &str {
        let named = |(name, _): &&(String, String)| name == program.name;
        let given = self.targets.iter().rfind(named);
        given.map_or(program.target, |(_, target)| target)
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
