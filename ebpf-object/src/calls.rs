//! At which source lines code of an object does something, with the calls that lead there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Name,
    disassembly::{Line, Listing},
    lines::{self, Frame},
};

/// A place in the object's own source, from which instructions come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Site {
    /// What the instruction refers to.
    pub note: Option<Name>,
    /// The functions and lines that lead to it, innermost first.
    pub frames: Vec<Frame>,
    /// Which of them is the innermost one of the object's own crate.
    pub own: usize,
}

/// More than anybody reads. It bounds the work on a hostile object, too.
const MOST_SITES: usize = 32;
/// As deep as the kernel allows calls to be nested, and some for library functions.
const MOST_CALLS: usize = 16;
/// How many calls are followed in all.
const MOST_STEPS: usize = 2000;

/// Where the instructions are that `is_wanted`, each line once. An instruction in a library's
/// function is reported at the lines of the own crate that call it.
pub fn sites(listings: &[Listing], is_wanted: impl Fn(&Listing, &Line) -> bool) -> Vec<Site> {
    let mut search = Search {
        callers: callers(listings),
        seen: BTreeSet::new(),
        passed: BTreeSet::new(),
        found: Vec::new(),
        steps: 0,
    };
    for listing in listings {
        for line in &listing.code {
            if is_wanted(listing, line) {
                search.passed.clear();
                search.walk(line.note.as_ref(), line.frames.clone(), listing, 0);
            }
        }
    }
    search.found
}

type Callers<'a> = BTreeMap<Name, Vec<(&'a Listing, &'a Line)>>;

/// Which instructions refer to each function: calls, and addresses that are passed to helpers.
fn callers(listings: &[Listing]) -> Callers<'_> {
    let mut callers = Callers::new();
    for listing in listings {
        callers
            .entry(listing.function.name.demangled())
            .or_default();
    }
    for listing in listings {
        for line in &listing.code {
            let called = line.note.as_ref().and_then(|name| callers.get_mut(name));
            if let Some(called) = called {
                called.push((listing, line));
            }
        }
    }
    callers
}

struct Search<'a> {
    callers: Callers<'a>,
    seen: BTreeSet<(Option<Name>, Option<u32>, Option<Name>)>,
    /// The functions whose callers were followed from one instruction: they can call each other.
    passed: BTreeSet<Name>,
    found: Vec<Site>,
    steps: usize,
}

impl Search<'_> {
    /// Follows the callers of `function` until there is a line of the own crate.
    fn walk(&mut self, note: Option<&Name>, frames: Vec<Frame>, function: &Listing, depth: usize) {
        self.steps += 1;
        if self.steps > MOST_STEPS || depth > MOST_CALLS || self.found.len() >= MOST_SITES {
            return;
        }
        let own = frames
            .iter()
            .position(|frame| frame.line.is_some() && lines::is_own(frame));
        if let Some(own) = own {
            let frame = frames.get(own);
            let file = frame.and_then(|frame| frame.file.clone());
            let line = frame.and_then(|frame| frame.line);
            if self.seen.insert((file, line, note.cloned())) {
                let frames = self.up_to_a_program(frames, function);
                let note = note.cloned();
                self.found.push(Site { note, frames, own });
            }
            return;
        }
        let name = function.function.name.demangled();
        let callers = self.callers.get(&name).cloned().unwrap_or_default();
        if !self.passed.insert(name) {
            return;
        }
        for (caller, line) in callers {
            let frames = [&frames[..], &line.frames[..]].concat();
            self.walk(note, frames, caller, depth + 1);
        }
    }

    /// Adds the first caller of each function, up to one that has none.
    fn up_to_a_program(&self, mut frames: Vec<Frame>, function: &Listing) -> Vec<Frame> {
        let mut name = function.function.name.demangled();
        for _ in 0..MOST_CALLS {
            let callers = self.callers.get(&name);
            let Some((caller, line)) = callers.and_then(|callers| callers.first()) else {
                break;
            };
            frames.extend(line.frames.iter().cloned());
            name = caller.function.name.demangled();
        }
        frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Function;

    /// A function, with what each of its lines refers to.
    fn listing(name: &str, file: &str, notes: &[&str]) -> Listing {
        let line = |(number, note): (u32, &&str)| Line {
            index: u64::from(number),
            bytes: String::new(),
            text: String::new(),
            note: Some(Name::from(*note)),
            frames: vec![Frame::of_line(Name::from(name), Name::from(file), number)],
        };
        Listing {
            function: Function {
                name: Name::from(name),
                section: Name::from(".text"),
                section_index: 1,
                offset: 0,
                instructions: notes.len() as u64,
            },
            code: (1..).zip(notes).map(line).collect(),
        }
    }

    const CORE: &str = "/rustc/0123/library/core/src/fmt/mod.rs";

    fn lines_of(sites: &[Site]) -> Vec<u32> {
        let own = sites.iter().map(|site| &site.frames[site.own]);
        own.map(|frame| frame.line.unwrap()).collect()
    }

    #[test]
    fn what_a_library_does_is_at_the_line_that_calls_it() {
        let listings = [
            listing("prog", "/p/src/main.rs", &["", "write", "helper"]),
            listing("helper", "/p/src/helper.rs", &["write", "write"]),
            listing("write", CORE, &["wanted"]),
        ];
        let wanted = |_: &Listing, line: &Line| line.note == Some(Name::from("wanted"));
        let sites = sites(&listings, wanted);
        assert_eq!(lines_of(&sites), [2, 1, 2]);
        let chain = sites[1].frames.iter();
        let chain: Vec<_> = chain
            .filter_map(|frame| frame.function.as_ref())
            .map(Name::as_str)
            .collect();
        assert_eq!(chain, ["write", "helper", "prog"]);
    }

    #[test]
    fn functions_that_call_each_other_end() {
        let listings = [
            listing("a", CORE, &["b", "b", "wanted"]),
            listing("b", CORE, &["a", "a"]),
            listing("own", "/p/src/main.rs", &["own"]),
        ];
        assert_eq!(sites(&listings, |_, _| true).len(), 1);
    }
}
