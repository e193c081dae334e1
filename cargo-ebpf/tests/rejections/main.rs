//! The programs of `tests/rejections/programs`, which the verifier has to refuse, and
//! what kernels say of them. See README.md there.
//!
//! `REJECTIONS_BLESS=5.10,6.1,host` takes the logs of these kernels anew, in place of
//! testing; `REJECTIONS_ONLY=packet-bounds,stack-bounds` those of these programs only.

mod collection;
mod provocation;

use std::error::Error;

use libtest_mimic::{Arguments, Completion, Trial};

use crate::{
    collection::{Answer, Asked},
    provocation::Provocation,
};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    if let Ok(kernels) = std::env::var("REJECTIONS_BLESS") {
        for kernel in kernels.split(',').map(str::to_owned) {
            trials.push(Trial::test(format!("bless_{kernel}"), move || {
                bless(&kernel).map_err(|error| error.to_string().into())
            }));
        }
    } else {
        trials.push(Trial::test(
            "every_program_says_what_is_wrong_and_where",
            || every_program_is_marked().map_err(|error| error.to_string().into()),
        ));
        trials.push(Trial::ignorable_test(
            "this_kernel_says_of_each_program_what_is_recorded",
            || match collection::reason_not_to_load() {
                Some(reason) => Ok(Completion::ignored_with(reason)),
                None => this_kernel_agrees().map_err(|error| error.to_string().into()),
            },
        ));
    }
    libtest_mimic::run(&arguments, trials).exit();
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
fn every_program_is_marked() -> Result<(), Box<dyn Error>> {
    for provocation in provocation::all()? {
        if !provocation.object().exists() {
            return Err(format!("{}: run rebuild.sh", provocation.object().display()).into());
        }
        if !provocation.marks.contains(&provocation.code) {
            let found = &provocation.marks;
            return Err(format!("{}: marks {found:?}", provocation.code).into());
        }
    }
    Ok(())
}

/// The answers kept are those of a kernel like this one, or it is one that has none.
fn this_kernel_agrees() -> Result<Completion, Box<dyn Error>> {
    let provocations = provocation::all()?;
    let asked = Asked::ask("host", &provocations)?;
    let mut different = Vec::new();
    let mut compared = 0;
    for Provocation { code, .. } in &provocations {
        let (Some(kept), Some(now)) =
            (Answer::read(&asked.version, code)?, asked.answers.get(code))
        else {
            continue;
        };
        compared += 1;
        if kept.header != now.header {
            different.push(format!("{code}: {:?}, was {:?}", now.header, kept.header));
        }
    }
    if compared == 0 {
        let reason = format!("no logs of Linux {} are kept", asked.version);
        return Ok(Completion::ignored_with(reason));
    }
    if different.is_empty() {
        Ok(Completion::Completed)
    } else {
        Err(different.join("\n").into())
    }
}
