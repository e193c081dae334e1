//! The programs of `tests/rejections/programs`, which the verifier has to refuse, and
//! what kernels say of them. See README.md there.
//!
//! `REJECTIONS_BLESS=5.10,6.1,host` takes the logs of these kernels anew, in place of
//! testing; `REJECTIONS_ONLY=packet-bounds,stack-bounds` those of these programs only.

mod collection;
mod explained;
mod provocation;

use std::{error::Error, process::ExitCode};

use test_support::{Failed, Outcome, Suite, machine, skip, tests};

use crate::{
    collection::{Answer, Asked},
    provocation::Provocation,
};

fn main() -> ExitCode {
    let mut suite = Suite::new();
    if let Ok(kernels) = std::env::var("REJECTIONS_BLESS") {
        for kernel in kernels.split(',').map(str::to_owned) {
            suite = suite.test(format!("bless_{kernel}"), &[], move || {
                bless(&kernel).map_err(Failed::from)
            });
        }
    } else {
        suite = suite.tests(tests![
            every_program_says_what_is_wrong_and_where,
            kernels_say_of_each_program_what_is_recorded_at_its_line,
            a_log_is_explained_as_verify_does: [machine::CAPABILITIES],
        ]);
    }
    suite.run()
}

fn a_log_is_explained_as_verify_does() -> Outcome {
    explained::as_verify_does().map_err(Failed::from)
}

/// Asks a kernel, and keeps what it says.
fn bless(kernel: &str) -> Result<(), Box<dyn Error>> {
    let mut provocations = provocation::all()?;
    if let Ok(only) = std::env::var("REJECTIONS_ONLY") {
        provocations.retain(|provocation| only.split(',').any(|code| code == provocation.code));
    }
    let asked = Asked::ask(kernel, &provocations)?;
    for (code, answer) in &asked.answers {
        answer.write(&asked.version, code)?;
    }
    Ok(())
}

/// Each source names the class that it provokes, at the line where it does.
fn every_program_says_what_is_wrong_and_where() -> Outcome {
    for provocation in provocation::all()? {
        if !provocation.object().exists() {
            return Err(format!("{}: run rebuild.sh", provocation.object().display()).into());
        }
        if provocation.marks.lines(&provocation.code).is_empty() {
            return Err(format!("{}: its source marks no line", provocation.code).into());
        }
    }
    Ok(())
}

/// The kernels at hand do what those whose logs are kept did, and say so of marked lines.
fn kernels_say_of_each_program_what_is_recorded_at_its_line() -> Outcome {
    let provocations = provocation::all()?;
    let mut different = Vec::new();
    let mut compared = 0;
    let mut unknown = Vec::new();
    for kernel in machine::kernels()? {
        let asked = Asked::ask(kernel, &provocations)?;
        let before = compared;
        for provocation in &provocations {
            let Some(kept) = Answer::read(&asked.version, &provocation.code)? else {
                continue;
            };
            compared += 1;
            if let Err(difference) = agrees(provocation, &asked, &kept) {
                let place = format!("{} on {}", provocation.code, asked.version);
                different.push(format!("{place}: {difference}"));
            }
        }
        if compared == before {
            unknown.push(asked.version);
        }
    }
    if !different.is_empty() {
        return Err(different.join("\n").into());
    }
    if compared == 0 {
        let reason = format!("no logs of Linux {} are kept", unknown.join(", "));
        return Err(skip(machine::GUESTS.name, reason));
    }
    Ok(())
}

/// Whether a kernel does now what was kept, and the diagnosis is of a class and at a line
/// that the source marks.
fn agrees(provocation: &Provocation, asked: &Asked, kept: &Answer) -> Result<(), String> {
    let Provocation { code, marks } = provocation;
    let now = asked.answers.get(code).ok_or("no answer")?;
    let lacks_right = marks.without.is_some() && asked.all_rights;
    if !kept.verdict().eq(now.verdict()) && !lacks_right {
        return Err(format!("{:?}, was {:?}", now.header, kept.header));
    }
    let Some((told, line)) = &now.told else {
        return Ok(());
    };
    let all_rights = asked.all_rights;
    if marks.expected(code, &asked.version, all_rights).is_none() {
        return Err(format!("told as {told}, but is to be accepted"));
    }
    // Which of the classes that the source marks it is may change with a point release:
    // Linux 6.1.176 does not know a helper by name that 6.1.192 finds to be sleeping.
    let lines = marks.lines(told);
    let is_marked = line.is_some_and(|line| lines.iter().any(|marked| u64::from(*marked) == line));
    if is_marked {
        Ok(())
    } else {
        Err(format!("{told} at line {line:?}, not {lines:?}"))
    }
}
