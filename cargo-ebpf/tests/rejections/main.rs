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
    provocation::{Kind, Provocation},
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
            every_hint_is_followed,
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
    let mut programs = provocation::all(Kind::Rejected)?;
    if let Ok(only) = std::env::var("REJECTIONS_ONLY") {
        programs.retain(|program| only.split(',').any(|name| name == program.name));
    }
    for asked in Asked::ask(&[kernel], &programs.iter().collect::<Vec<_>>())? {
        for program in &programs {
            let answer = asked.answer(program).ok_or("no answer")?;
            answer.write(&asked.version, &program.name)?;
        }
    }
    Ok(())
}

/// Each source names the class that it provokes, at the line where it does.
fn every_program_says_what_is_wrong_and_where() -> Outcome {
    for program in provocation::all(Kind::Rejected)? {
        if !program.object().exists() {
            return Err(format!("{}: run rebuild.sh", program.object().display()).into());
        }
        if program.marks.lines(&program.code).is_empty() {
            return Err(format!("{}: its source marks no line", program.name).into());
        }
    }
    Ok(())
}

/// Beside each program stands the same one with the hint followed.
fn every_hint_is_followed() -> Outcome {
    let names = |kind| -> Result<Vec<String>, Failed> {
        let programs = provocation::all(kind)?;
        Ok(programs.into_iter().map(|program| program.name).collect())
    };
    let (rejected, followed) = (names(Kind::Rejected)?, names(Kind::Followed)?);
    if rejected == followed {
        return Ok(());
    }
    let only = |these: &[String], those: &[String]| {
        let other = these.iter().filter(|name| !those.contains(name));
        other.cloned().collect::<Vec<_>>().join(", ")
    };
    Err(format!(
        "without a followed hint: {}; followed without a rejection: {}",
        only(&rejected, &followed),
        only(&followed, &rejected)
    )
    .into())
}

/// The kernels of this machine reject the programs as in the kept logs, at the marked lines, and
/// accept the programs with the hints followed.
fn kernels_say_of_each_program_what_is_recorded_at_its_line() -> Outcome {
    let programs: Vec<_> = [Kind::Rejected, Kind::Followed]
        .into_iter()
        .map(provocation::all)
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect();
    let (slow, fast): (Vec<_>, Vec<_>) = programs.iter().partition(|program| program.marks.is_slow);
    let kernels = machine::kernels()?;
    let mut all = Asked::ask(&kernels, &fast)?;
    // The host, where it is one of them: it is not emulated.
    if let (Some(kernel), Some(asked)) = (kernels.last(), all.last_mut()) {
        for more in Asked::ask(&[kernel], &slow)? {
            asked.extend(more);
        }
    }
    let mut different = Vec::new();
    let mut compared = 0;
    let mut unknown = Vec::new();
    for asked in &all {
        let before = compared;
        for program in &programs {
            let Some(now) = asked.answer(program) else {
                continue;
            };
            let result = match program.kind {
                Kind::Followed => is_accepted(program, asked, now),
                Kind::Rejected => {
                    let Some(kept) = Answer::read(&asked.version, &program.name)? else {
                        continue;
                    };
                    compared += 1;
                    agrees(program, asked, now, &kept)
                }
            };
            if let Err(difference) = result {
                let place = format!("{} on {}", program.object().display(), asked.version);
                different.push(format!("{place}: {difference}"));
            }
        }
        if compared == before {
            unknown.push(asked.version.as_str());
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

/// Whether a kernel accepts the program that follows a hint, if it should.
fn is_accepted(program: &Provocation, asked: &Asked, now: &Answer) -> Result<(), String> {
    let accepted = now.header.starts_with("verdict: accepted\n");
    if accepted || !program.marks.is_accepted(&asked.version) {
        return Ok(());
    }
    Err(format!(
        "the hint does not help: {:?} {:?}\n{}",
        now.header, now.told, now.log
    ))
}

/// Whether a kernel does now what was kept, and the diagnosis is of a class and at a line
/// that the source marks.
fn agrees(program: &Provocation, asked: &Asked, now: &Answer, kept: &Answer) -> Result<(), String> {
    let Provocation { code, marks, .. } = program;
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
