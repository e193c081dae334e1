//! Pictures of the screen, and keys that change them.

use ratatui_core::{backend::TestBackend, terminal::Terminal};

use crate::{
    profile::{fixtures, group::By, metrics::Sort, snapshot::Snapshot},
    view::tui::{
        draw::draw,
        keys::Action,
        state::{Overlay, Span, Start, State},
    },
};

/// What is seen of a state on a screen of this size.
fn picture(state: &mut State, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("no IO");
    state.resize(height);
    terminal.draw(|frame| draw(state, frame)).expect("no IO");
    let backend = terminal.backend().to_string();
    let lines = backend
        .lines()
        .map(|line| line.trim_matches('"').trim_end());
    lines.collect::<Vec<_>>().join("\n")
}

/// The interval after the fixture: what was open has not begun in it.
fn next() -> Snapshot {
    let mut next = fixtures::snapshot();
    next.accounting.kernel.begins -= next.accounting.kernel.open;
    next.accounting.user.begins -= next.accounting.user.open;
    next
}

/// After two intervals.
fn state() -> State {
    let mut state = State::new(Start::default());
    state.add(fixtures::snapshot());
    state.add(next());
    state
}

fn after(actions: &[Action]) -> State {
    let mut state = state();
    for &action in actions {
        state.act(action);
    }
    state
}

fn text(text: &str) -> Vec<Action> {
    let typed = text.chars().map(Action::Type);
    std::iter::once(Action::Filter).chain(typed).collect()
}

#[test]
fn the_ranking() {
    insta::assert_snapshot!("ranking_80x24", picture(&mut state(), 80, 24));
    insta::assert_snapshot!("ranking_40x10", picture(&mut state(), 40, 10));
    insta::assert_snapshot!("ranking_200x50", picture(&mut state(), 200, 50));
}

#[test]
fn before_the_first_interval_and_without_a_wait() {
    let mut state = State::new(Start::default());
    insta::assert_snapshot!("nothing_yet", picture(&mut state, 80, 24));
    state.add(Snapshot {
        duration_ns: 1_000_000_000,
        ..Snapshot::default()
    });
    insta::assert_snapshot!("nothing_waited", picture(&mut state, 80, 24));
}

#[test]
fn looking_into_a_row() {
    let mut state = after(&[Action::Enter]);
    insta::assert_snapshot!("detail_80x24", picture(&mut state, 80, 24));
    insta::assert_snapshot!("detail_whole_100x70", picture(&mut state, 100, 70));
    insta::assert_snapshot!("detail_40x10", picture(&mut state, 40, 10));
    state.act(Action::Back);
    assert!(state.detail.is_none());
}

#[test]
fn help_and_notes() {
    let mut help = after(&[Action::Help]);
    insta::assert_snapshot!("help_80x24", picture(&mut help, 80, 24));
    let mut notes = after(&[Action::Notes]);
    insta::assert_snapshot!("notes_80x40", picture(&mut notes, 80, 40));
    notes.act(Action::Notes);
    assert_eq!(notes.overlay, None);
}

#[test]
fn estimated_rows_say_their_error() {
    let mut state = state();
    while state.by != By::Thread {
        state.act(Action::Group);
    }
    insta::assert_snapshot!("threads_80x24", picture(&mut state, 80, 24));
}

#[test]
fn the_filter_works_while_it_is_typed() {
    let all = state().visible.len();
    let mut typing = after(&text("mmap"));
    insta::assert_snapshot!("filter_80x24", picture(&mut typing, 80, 24));
    assert!(!typing.visible.is_empty() && typing.visible.len() < all);
    typing.act(Action::Enter);
    assert!(!typing.typing);
    typing.act(Action::Back);
    assert_eq!(typing.visible.len(), all);

    let mut nothing = after(&text("no such lock"));
    insta::assert_snapshot!("filter_nothing", picture(&mut nothing, 80, 12));
}

#[test]
fn a_filter_finds_functions_on_stacks() {
    let snapshot = fixtures::snapshot();
    let site = snapshot.sites.first().expect("one");
    let stack = snapshot.stacks.get(site.stack.index()).expect("it");
    let outermost = stack.user.last().or(stack.kernel.last()).expect("a frame");
    let name = snapshot.frame_name(*outermost);
    let state = after(&text(&name));
    assert!(!state.visible.is_empty(), "{name}");
}

#[test]
fn the_top_stays_the_top_and_another_row_stays_selected() {
    let mut state = after(&[Action::Down, Action::Down]);
    let label = |state: &State| {
        let row = state.rows().nth(state.selected).expect("selected");
        row.expect("a row").label.clone()
    };
    let chosen = label(&state);
    state.act(Action::Reverse);
    assert_eq!(label(&state), chosen);
    state.act(Action::First);
    let first = label(&state);
    state.act(Action::Reverse);
    assert_eq!(state.selected, 0);
    assert_ne!(label(&state), first);
}

#[test]
fn a_held_picture_stays_while_intervals_come() {
    let mut state = after(&[Action::Span, Action::Pause]);
    let before = state.total().count();
    state.add(fixtures::snapshot());
    state.act(Action::Sort);
    assert_eq!(state.total().count(), before);
    state.act(Action::Pause);
    assert_eq!(state.total().count(), before / 2 * 3);
}

#[test]
fn the_end_shows_everything_unless_the_reader_chose() {
    let mut left_alone = state();
    left_alone.end("the command ended".to_owned());
    assert_eq!(left_alone.span, Span::Whole);
    insta::assert_snapshot!("ended_80x24", picture(&mut left_alone, 80, 24));

    let mut chosen = after(&[Action::Span, Action::Span]);
    chosen.end("the command ended".to_owned());
    assert_eq!(chosen.span, Span::Last);
}

#[test]
fn a_row_without_waits_in_the_next_interval_says_so() {
    let mut state = after(&[Action::Enter]);
    state.add(Snapshot::default());
    assert!(state.detailed_row().is_none());
    let shown = picture(&mut state, 80, 24);
    assert!(shown.contains("No waits in this time span"), "{shown}");
    state.act(Action::Span);
    assert!(state.detailed_row().is_some());
}

#[test]
fn names_of_programs_do_not_steer_the_terminal() {
    let mut snapshot = fixtures::snapshot();
    for frame in &mut snapshot.frames {
        frame.function = Some("\u{1b}[2J\u{202e}evil".to_owned());
    }
    for lock in &mut snapshot.locks {
        lock.name = Some("\u{7}bell\n".to_owned());
    }
    let mut state = State::new(Start::default());
    state.add(snapshot);
    state.act(Action::Enter);
    for _ in 0..2 {
        let shown = picture(&mut state, 100, 40);
        let bad = |c: char| c == '\u{202e}' || (c.is_control() && c != '\n');
        assert!(!shown.contains(bad), "{shown:?}");
        state.act(Action::Back);
    }
}

#[test]
fn no_keys_on_no_size_panic() {
    const ACTIONS: [Action; 20] = [
        Action::Up,
        Action::Down,
        Action::PageUp,
        Action::PageDown,
        Action::First,
        Action::Last,
        Action::Enter,
        Action::Back,
        Action::Span,
        Action::Sort,
        Action::Reverse,
        Action::Group,
        Action::Idle,
        Action::Pause,
        Action::Filter,
        Action::Notes,
        Action::Help,
        Action::Erase,
        Action::EraseAll,
        Action::Type('锁'),
    ];
    let mut random = fastrand::Rng::with_seed(4);
    for _ in 0..10 {
        let mut state = State::new(Start {
            by: By::Stack,
            sort: Sort::Min,
            idle: true,
            replay: true,
        });
        for _ in 0..40 {
            match random.u8(0..12) {
                0 => state.add(fixtures::snapshot()),
                1 => state.add(Snapshot::default()),
                2 if random.u8(0..8) == 0 => state.end("over".to_owned()),
                3 => state.act(Action::Type(random.char('a'..='z'))),
                _ => state.act(ACTIONS[random.usize(..ACTIONS.len())]),
            }
            let (width, height) = (random.u16(1..160), random.u16(1..60));
            picture(&mut state, width, height);
        }
    }
}

#[test]
fn an_overlay_is_scrolled_and_closed() {
    let mut state = after(&[Action::Notes]);
    let top = picture(&mut state, 40, 10);
    state.act(Action::PageDown);
    assert_ne!(picture(&mut state, 40, 10), top);
    state.act(Action::Back);
    assert_eq!(state.overlay, None::<Overlay>);
}
