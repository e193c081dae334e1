//! The result of a search.

use crate::Finding;

/// Compilers or linkers that were tried: the first that fits, and why those tried before
/// it do not.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Candidates<T> {
    /// The first that fits.
    pub chosen: Option<T>,
    /// One finding per candidate that does not fit, in the order in which they were tried.
    pub rejected: Vec<Finding>,
}

impl<T> Default for Candidates<T> {
    fn default() -> Self {
        Self {
            chosen: None,
            rejected: Vec::new(),
        }
    }
}
