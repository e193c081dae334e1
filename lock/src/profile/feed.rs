//! What a view that follows a recording gets, one after the other, while it is made or
//! read.

use crate::{error::Error, profile::snapshot::Snapshot};

/// The next thing from a source.
#[derive(Debug)]
pub(crate) enum Feed {
    Interval(Box<Snapshot>),
    /// There will be no more, for this reason in words: `the command ended`.
    Ended(String),
    /// There will be no more, because something failed.
    Failed(Error),
}
