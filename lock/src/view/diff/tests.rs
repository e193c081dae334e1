use super::{csv, json, table};
use crate::profile::{
    diff::{By, Change, Diff, PerSecond, Side, Verdict},
    lock_type::{Class, LockType},
};

fn change(
    verdict: Verdict,
    lock_type: LockType,
    label: &str,
    before: f64,
    after: f64,
    chance: f64,
) -> Change {
    let rate = |wait_ns: f64| PerSecond {
        wait_ns,
        waits: wait_ns / 1e5,
        count: wait_ns as u64,
    };
    let told = verdict != Verdict::TooFew;
    Change {
        label: label.to_owned(),
        lock_type: Some(lock_type),
        before: rate(before),
        after: rate(after),
        difference: after - before,
        error: told.then_some(98_765.0),
        chance: told.then_some(chance),
        verdict,
    }
}

fn side(seconds: f64, intervals: usize) -> Side {
    Side {
        seconds,
        intervals,
        is_enough: intervals > 4,
    }
}

fn compared() -> Diff {
    let mutex = LockType::Kernel(32);
    let user = LockType::User(Class::Mutex);
    let rwsem = LockType::Kernel(4);
    Diff {
        by: By::Caller,
        before: side(10.0, 10),
        after: side(12.5, 13),
        rows: vec![
            change(Verdict::Worse, mutex, "pipe_write", 2.5e6, 3.25e6, 0.001),
            change(Verdict::New, user, "push<T, \"x\">\u{1b}[2J", 0.0, 4e5, 0.0),
            change(Verdict::NoClearChange, rwsem, "do_mmap", 1e6, 1.01e6, 0.7),
            change(Verdict::Better, user, "pop", 9e8, 1e8, 0.02),
        ],
        total: Change {
            lock_type: None,
            ..change(Verdict::Better, mutex, "all", 9.035e8, 1.0466e8, 0.02)
        },
        small: 3,
        notes: vec![
            "b.lock: the recording is cut off after 12.5 s: it has no end record".to_owned(),
        ],
    }
}

fn names() -> [String; 2] {
    ["a.lock".to_owned(), "b.lock".to_owned()]
}

#[test]
fn the_whole_comparison() {
    insta::assert_snapshot!(table(&compared(), &names(), None, false));
}

#[test]
fn in_a_narrow_terminal() {
    let text = table(&compared(), &names(), Some(80), false);
    let rows = text.lines().skip_while(|line| !line.contains("verdict"));
    for line in rows.take_while(|line| !line.is_empty()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn too_short_recordings() {
    let diff = Diff {
        after: side(2.0, 2),
        rows: vec![change(
            Verdict::TooFew,
            LockType::Kernel(32),
            "pipe_write",
            2.5e6,
            9e6,
            0.0,
        )],
        total: change(
            Verdict::TooFew,
            LockType::Kernel(32),
            "all",
            2.5e6,
            9e6,
            0.0,
        ),
        small: 0,
        notes: Vec::new(),
        ..compared()
    };
    insta::assert_snapshot!(table(&diff, &names(), Some(100), false));
}

#[test]
fn verdicts_have_colours_on_a_terminal() {
    let painted = table(&compared(), &names(), Some(120), true);
    assert!(
        painted.contains("\u{1b}[31mworse\u{1b}[0m")
            || painted.contains("\u{1b}[1m\u{1b}[31mworse"),
        "{painted:?}"
    );
    let stripped = anstream::adapter::strip_str(&painted).to_string();
    assert_eq!(stripped, table(&compared(), &names(), Some(120), false));
}

#[test]
fn for_programs() {
    insta::assert_snapshot!("json", json(&compared(), &names()).unwrap());
    insta::assert_snapshot!("csv", csv(&compared()));
}
