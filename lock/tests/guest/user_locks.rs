//! Waits for user locks, on every kernel.

use crate::Test;

/// On a kernel that can be recorded.
pub(crate) const TRIALS: &[(&str, Test)] = &[];
