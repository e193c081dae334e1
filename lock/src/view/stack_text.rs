//! Stacks and locks in words, for the views that show whole stacks.
//!
//! A recording can be forged: an id that leads nowhere has words, too, and no stack is
//! longer than [`MAX_DEPTH`].

use std::borrow::Cow;

use crate::profile::snapshot::{Frame, FrameId, Identity, Lock, LockId, Snapshot, StackId};

/// How many frames of the kernel's and of the program's part of a stack are shown, the
/// innermost ones. No recorder of ours takes that many; a forged recording could have one
/// long name a million times in one stack.
pub(crate) const MAX_DEPTH: usize = 1024;

/// What a line of a stack stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// A function of the program.
    User,
    /// The same, inlined into the next outer function.
    UserInlined,
    /// A function of the kernel, inlined or not.
    Kernel,
    /// A note that frames are missing here.
    Missing,
}

/// A line of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// The function, or what is known instead.
    pub(crate) text: Cow<'a, str>,
    /// What it stands for.
    pub(crate) kind: LineKind,
}

/// The lines of a stack, the outermost first: the program's, then the kernel's.
pub(crate) fn outermost_first(snapshot: &Snapshot, stack: StackId) -> Vec<Line<'_>> {
    let missing = |text: &'static str| Line {
        text: text.into(),
        kind: LineKind::Missing,
    };
    let Some(stack) = snapshot.stacks.get(stack.index()) else {
        return vec![missing("(unknown stack)")];
    };
    let mut lines = Vec::new();
    if stack.cut || stack.user.len() > MAX_DEPTH {
        lines.push(missing("(cut off)"));
    }
    lines.extend(shown(&stack.user).rev().map(|id| {
        let inlined = frame(snapshot, id).is_some_and(|frame| frame.inlined);
        let kind = match inlined {
            true => LineKind::UserInlined,
            false => LineKind::User,
        };
        line(snapshot, id, kind)
    }));
    if stack.kernel.len() > MAX_DEPTH {
        lines.push(missing("(cut off)"));
    }
    lines.extend(
        shown(&stack.kernel)
            .rev()
            .map(|id| line(snapshot, id, LineKind::Kernel)),
    );
    if stack.lost && stack.kernel.is_empty() {
        lines.push(missing("(kernel stack lost)"));
    }
    if lines.is_empty() {
        lines.push(missing("(unknown stack)"));
    }
    lines
}

/// The frames of a part of a stack that are shown.
pub(crate) fn shown(frames: &[FrameId]) -> impl DoubleEndedIterator<Item = FrameId> {
    frames.iter().take(MAX_DEPTH).copied()
}

/// A frame, if there is one of that id.
pub(crate) fn frame(snapshot: &Snapshot, id: FrameId) -> Option<&Frame> {
    snapshot.frames.get(id.index())
}

/// What a lock is called: its name, else where it is.
pub(crate) fn lock_name(lock: &Lock) -> Cow<'_, str> {
    match (&lock.name, &lock.identity) {
        (Some(name), _) if !name.trim().is_empty() => name.into(),
        (_, Identity::Kernel { address } | Identity::Private { address, .. }) => {
            format!("{address:#x}").into()
        }
        (_, Identity::Shared { object }) => object.into(),
        (_, Identity::Other) => "(other locks)".into(),
    }
}

/// A lock in one line: `[mutex] cgroup_mutex`.
pub(crate) fn lock_line(snapshot: &Snapshot, id: LockId) -> String {
    match snapshot.locks.get(id.index()) {
        Some(lock) => format!("[{}] {}", lock.lock_type, lock_name(lock)),
        None => "(unknown lock)".to_owned(),
    }
}

fn line(snapshot: &Snapshot, id: FrameId, kind: LineKind) -> Line<'_> {
    Line {
        text: snapshot.frame_name(id).into(),
        kind,
    }
}
