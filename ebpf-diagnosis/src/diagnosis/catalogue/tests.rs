//! The catalogue against its pages, its programs, and what real kernels said.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::diagnosis::rejections;

/// Classes that no program can provoke by itself: they are the machine's state.
const OF_THE_MACHINE: [&str; 3] = ["memlock-limit", "no-rights", "core-relocation"];

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The names of the files with this ending in a folder, without it.
fn stems(folder: &Path, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(ending).map(str::to_owned))
        .collect()
}

fn codes() -> BTreeSet<String> {
    classes().map(|class| class.code.to_owned()).collect()
}

/// A line that the pattern stands for.
fn example(pattern: &str) -> String {
    let values = [
        ("{number}", "-8"),
        ("{insn}", "4"),
        ("{register}", "R3"),
        ("{name}", "COUNTS"),
        ("{access}", "read from"),
        ("{type}", "scalar"),
        ("{nullable}", "sock_or_null"),
        ("{word}", "word"),
        ("{text}", "some text"),
    ];
    let fill = |line: String, (placeholder, value): (&str, &str)| line.replace(placeholder, value);
    values.into_iter().fold(pattern.to_owned(), fill)
}

/// What a case says: its title, its hint and, if it has one, its rule.
fn texts(case: &Case) -> impl Iterator<Item = &'static str> {
    [case.title, case.hint].into_iter().chain(case.rule)
}

fn patterns() -> impl Iterator<Item = (&'static Class, &'static str)> {
    classes().flat_map(|class| class.patterns.iter().map(move |pattern| (class, *pattern)))
}

#[test]
fn a_class_says_all_that_a_diagnosis_needs() {
    assert_eq!(codes().len(), classes().count(), "a code is there twice");
    for class in classes() {
        let code = class.code;
        assert!(!code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        let of_cases = class.cases.iter().flat_map(texts);
        for text in [class.title, class.rule, class.hint]
            .into_iter()
            .chain(of_cases)
        {
            assert!(text.len() > 10 && !text.ends_with('.'), "{code}: {text}");
            assert!(text.is_ascii(), "{code}: {text}");
        }
        let names: BTreeSet<_> = class.cases.iter().map(|case| case.name).collect();
        assert_eq!(
            names.len(),
            class.cases.len(),
            "{code}: a case is there twice"
        );
    }
}

#[test]
fn every_class_has_a_page_and_every_page_a_class() {
    let mut pages = stems(&repository("docs/rejections"), ".md");
    assert!(pages.remove("README") && pages.remove("kernels"));
    assert_eq!(pages, codes());
    let index = fs::read_to_string(repository("docs/rejections/README.md")).unwrap();
    for class in classes() {
        let entry = format!("| [{0}]({0}.md) | {1} |\n", class.code, class.title);
        assert!(index.contains(&entry), "not in the index: {entry}");
    }
    assert_eq!(index.matches(".md) | ").count(), codes().len());
}

#[test]
fn a_page_says_what_its_class_says() {
    for class in classes() {
        let page = class.page;
        assert!(page.starts_with(&format!("# {}\n", class.code)));
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let page_words = words(page).to_lowercase();
        let of_cases = class.cases.iter().flat_map(texts);
        for text in [class.title, class.rule, class.hint]
            .into_iter()
            .chain(of_cases)
        {
            assert!(
                page_words.contains(&words(text).to_lowercase()),
                "{}: {text}",
                class.code
            );
        }
        let said = page.split_once("```text\n").map(|(_, rest)| rest);
        let said = said
            .and_then(|rest| rest.split_once("```"))
            .map_or(0, |(text, _)| text.lines().count());
        assert_eq!(
            said,
            class.patterns.len(),
            "{}: what the verifier says",
            class.code
        );
    }
}

#[test]
fn a_page_shows_the_line_that_is_refused() {
    for program in rejections::all()
        .iter()
        .filter(|program| program.case.is_none())
    {
        let code = program.code.as_str();
        // The last of its own marks.
        let marked = *program.marks.lines(code).last().unwrap();
        let line = program.text.lines().nth(marked as usize - 1).unwrap();
        let (line, _) = line.split_once(" //~").unwrap_or((line, ""));
        let shown = format!("{} // rejected\n", line.trim_start());
        assert!(
            class(code).unwrap().page.contains(&shown),
            "{code}: {shown}"
        );
    }
}

#[test]
fn every_class_has_a_program_and_every_program_a_class() {
    let mut programs: BTreeSet<_> = rejections::all()
        .into_iter()
        .map(|program| program.code)
        .collect();
    programs.extend(OF_THE_MACHINE.map(str::to_owned));
    assert_eq!(programs, codes());
}

/// One whose evidence is the log of another class's program is not here.
#[test]
fn every_case_has_a_program_and_every_program_a_case() {
    let of_programs: BTreeSet<_> = rejections::all()
        .into_iter()
        .filter_map(|program| Some((program.code, program.case?)))
        .collect();
    let of_classes: BTreeSet<_> = classes()
        .flat_map(|class| class.cases.iter().map(|case| (class.code, case.name)))
        .map(|(code, case)| (code.to_owned(), case.to_owned()))
        .collect();
    let missing: Vec<_> = of_classes.difference(&of_programs).collect();
    assert_eq!(of_programs, of_classes, "without a program: {missing:?}");
}

#[test]
fn a_pattern_matches_its_own_class_alone() {
    for (class, pattern) in patterns() {
        let line = example(pattern);
        assert!(!line.contains(['{', '}']), "{pattern}");
        let matching: BTreeSet<_> = patterns()
            .filter(|(_, pattern)| pattern::find(pattern, &line).is_some())
            .map(|(class, _)| class.code)
            .collect();
        assert_eq!(matching, BTreeSet::from([class.code]), "{line}");
    }
}

/// What shows a case is among what shows its class.
#[test]
fn the_words_of_a_case_are_of_its_class() {
    for class in classes() {
        for pattern in class.cases.iter().flat_map(Case::patterns) {
            let line = example(pattern).replace("--", "-");
            let found = classify(&[&line], libc::EACCES).map(|class| class.code);
            assert_eq!(found, Some(class.code), "{line}");
        }
    }
}

#[test]
fn what_is_not_known_has_no_class() {
    for text in [
        "",
        "R0 said something that no kernel says yet",
        "invalid mem access 'scalar'",
        "the log said: R1 !read_ok",
        "{register} !read_ok",
    ] {
        assert_eq!(classify(&[text], libc::EACCES), None, "{text}");
    }
    assert_eq!(classify(&[], libc::EACCES), None);
}

#[test]
fn what_was_said_before_the_log_was_full_is_no_reason() {
    let message = ["R1 !read_ok"];
    assert!(classify(&message, libc::EACCES).is_some());
    for error in [libc::ENOSPC, libc::ENOMEM, libc::EAGAIN] {
        assert_eq!(classify(&message, error), None);
    }
}

#[test]
fn the_last_line_sums_up() {
    let of = |message: &[&str]| classify(message, libc::EINVAL).map(|class| class.code);
    assert_eq!(
        of(&["R1 type=ctx expected=fp"]),
        Some("wrong-argument-type")
    );
    assert_eq!(
        of(&[
            "R1 type=ctx expected=fp",
            "Caller passes invalid args into func#1 ('f')"
        ]),
        Some("global-function")
    );
    assert_eq!(
        instruction(&["jump out of range from insn 3 to 9"], libc::EINVAL),
        Some(3)
    );
    assert_eq!(instruction(&["div by zero"], libc::EINVAL), None);
}
