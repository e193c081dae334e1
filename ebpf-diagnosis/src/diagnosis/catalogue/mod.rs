//! The classes of refusals that are known: what each means, how Rust code keeps to the
//! rule, and the words by which it is told. All of it is data, in the files below.

mod calls;
mod case;
mod control_flow;
mod kernel;
mod memory;
mod pattern;
mod program;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::case::Case;
pub(crate) use self::case::Fact;

/// A class of refusals.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Class {
    /// Stable, in kebab-case; never reused for another class.
    pub code: &'static str,
    /// What is wrong, as the line of an error: no capital, no full stop.
    pub title: &'static str,
    /// What the verifier, or the kernel, wants.
    pub rule: &'static str,
    /// What to write in Rust instead.
    pub hint: &'static str,
    /// Kinds within the class with their own titles and hints; some also have their own rules.
    pub cases: &'static [Case],
    /// The page that explains it, in Markdown.
    pub page: &'static str,
    /// Messages that tell it, of all kernels; see [`pattern::find`]. None for a class
    /// that no log tells: it is known by an error and what was asked for.
    #[serde(skip)]
    patterns: &'static [&'static str],
}

/// The page in the documentation, which `cargo ebpf explain` shows too.
macro_rules! page {
    ($code:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/pages/", $code, ".md"))
    };
}
use page;

impl Class {
    /// The kind within the class that the verifier's words or a fact show. The first one
    /// listed, as several may apply.
    pub(crate) fn case(
        &self,
        message: &[&str],
        holds: impl Fn(Fact) -> bool,
    ) -> Option<&'static Case> {
        self.cases.iter().find(|case| case.applies(message, &holds))
    }
}

#[cfg(test)]
impl Class {
    /// Whether no log tells it.
    pub fn is_silent(&self) -> bool {
        self.patterns.is_empty()
    }
}

/// Every class, by subject.
pub fn classes() -> impl Iterator<Item = &'static Class> {
    let subjects = [
        memory::CLASSES,
        control_flow::CLASSES,
        calls::CLASSES,
        program::CLASSES,
        kernel::CLASSES,
    ];
    subjects.into_iter().flatten()
}

/// The class with this code.
pub fn class(code: &str) -> Option<&'static Class> {
    classes().find(|class| class.code == code)
}

/// The class of a refusal: `message` is what the verifier said last, line by line, and
/// `error` the number of the error that bpf(2) ended with. `None` where the words are not
/// known, or are not the reason.
pub(crate) fn classify(message: &[&str], error: i32) -> Option<&'static Class> {
    tell(message, error).map(|(class, _)| class)
}

/// The instruction that the words themselves name, which need not be the one that the
/// verifier was at: there may be none before them in the log.
pub(crate) fn instruction(message: &[&str], error: i32) -> Option<u32> {
    tell(message, error).and_then(|(_, found)| found.instruction)
}

fn tell(message: &[&str], error: i32) -> Option<(&'static Class, pattern::Found)> {
    /// The verifier broke off for a reason of its own: the log was full (before Linux
    /// 6.4), memory short, a signal pending. What it said last is no reason then.
    const BROKEN_OFF: [i32; 3] = [libc::ENOSPC, libc::ENOMEM, libc::EAGAIN];
    if BROKEN_OFF.contains(&error) {
        return None;
    }
    // Where several lines are known, the last sums up those before.
    message.iter().rev().find_map(|line| {
        classes().find_map(|class| {
            let found = class
                .patterns
                .iter()
                .find_map(|pattern| pattern::find(pattern, line));
            found.map(|found| (class, found))
        })
    })
}

/// The codes that may have been meant by one that does not exist, best first.
pub fn nearest(code: &str) -> Vec<&'static str> {
    /// How alike two words must be, of 1.0: what clap takes for its own suggestions.
    const ALIKE: f64 = 0.7;
    const MOST: usize = 3;
    let mut near: Vec<_> = classes()
        .map(|class| (strsim::jaro(class.code, code), class.code))
        .filter(|&(likeness, candidate)| likeness > ALIKE || candidate.contains(code))
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().map(|(_, code)| code).take(MOST).collect()
}
