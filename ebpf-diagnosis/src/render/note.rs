//! The words for what a step is about: in labels and in JSON.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::diagnosis::{Change, Note, Operand};

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changes(changes) => {
                for (index, change) in changes.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", then ")?;
                    }
                    change.fmt(f)?;
                }
                Ok(())
            }
            Self::StackUse { bytes } => write!(f, "this function uses {bytes} bytes of the stack"),
            Self::ProgramEnds => f.write_str("the program ends after this"),
            Self::LogEnds => f.write_str("the log ends here as it is full; the verifier continued"),
        }
    }
}

impl Serialize for Note {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compared(operand) => write!(f, "compared with {operand}"),
            Self::Computed => f.write_str("changed by arithmetic"),
            Self::Made(known) => write!(f, "changed to {}", known.words),
            Self::Moved(operand) => write!(f, "offset by {operand}"),
            Self::Increased(operand) => write!(f, "increased by {operand}"),
            Self::Local => f.write_str("set to the address of a local variable"),
            Self::PointsTo(memory) => write!(f, "set to point to {memory}"),
            Self::SetTo(number) => write!(f, "set to {number}"),
            Self::Set(Some(words)) => write!(f, "set to {words}"),
            Self::Set(None) => f.write_str("set"),
            Self::Read(memory) => write!(f, "read from {memory}"),
            Self::Returned(Some(function)) => write!(f, "returned by `{function}`"),
            Self::Returned(None) => f.write_str("returned by a call"),
            Self::Passed => f.write_str("passed to a function"),
            Self::Invalidated => f.write_str("invalidated by a call here"),
            Self::Ended(_, Some(function)) => write!(f, "no longer valid after `{function}`"),
            Self::Ended(_, None) => f.write_str("no longer valid after this call"),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(number) => write!(f, "r{number}"),
            Self::Number(number) => number.fmt(f),
            Self::Another => f.write_str("another value"),
        }
    }
}
