//! A reference to a thread.

use crate::Plain;

/// A thread and its process, as the initial pid namespace numbers them, in one word as
/// `bpf_get_current_pid_tgid` returns it.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThreadRef(u64);

// SAFETY: transparent over an integer.
unsafe impl Plain for ThreadRef {}

impl ThreadRef {
    /// No thread, or an unknown one.
    pub const NONE: Self = Self(0);

    /// The thread `tid` of the process `tgid`.
    #[inline]
    pub const fn new(tgid: u32, tid: u32) -> Self {
        Self((tgid as u64) << 32 | tid as u64)
    }

    /// From a return value of `bpf_get_current_pid_tgid`.
    #[inline]
    pub const fn from_pid_tgid(pid_tgid: u64) -> Self {
        Self(pid_tgid)
    }

    /// Whether it refers to no thread.
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The process.
    #[inline]
    pub const fn tgid(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The thread.
    #[inline]
    pub const fn tid(self) -> u32 {
        self.0 as u32
    }

    /// Itself, or `None` if it refers to no thread.
    pub const fn known(self) -> Option<Self> {
        if self.is_none() { None } else { Some(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::ThreadRef;

    #[test]
    fn threads_survive_a_round_trip() {
        for (tgid, tid) in [(1, 1), (4711, 4712), (u32::MAX, 1), (0, u32::MAX)] {
            let thread = ThreadRef::new(tgid, tid);
            assert_eq!((thread.tgid(), thread.tid()), (tgid, tid));
            assert_eq!(thread.known(), Some(thread));
        }
        assert!(ThreadRef::NONE.is_none());
        assert_eq!(ThreadRef::NONE.known(), None);
        assert_eq!(ThreadRef::new(0, 0), ThreadRef::NONE);
    }
}
