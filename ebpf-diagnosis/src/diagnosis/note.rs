//! What a step of a diagnosis is about, as data: `render` words it.

/// Why a step is part of a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// What happened here to the value of a register, in the order of execution.
    Changes(Vec<Change>),
    /// The function that begins here uses this much of the stack.
    StackUse {
        /// In bytes.
        bytes: u32,
    },
    /// The program ends after this step.
    ProgramEnds,
    /// The log ends here, as it is full.
    LogEnds,
}

/// What happened to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It was compared.
    Compared(Operand),
    /// A computation of which the log has no result.
    Computed,
    /// It is the result of a computation, as the verifier knows it.
    Made(Known),
    /// A pointer was moved.
    Moved(Operand),
    /// A number was increased.
    Increased(Operand),
    /// It became the address of a variable on the stack.
    Local,
    /// It became a pointer to this kind of memory.
    PointsTo(&'static str),
    /// It was set to a number in the instruction.
    SetTo(i32),
    /// It was set to a constant, as the verifier knows it. `None` if the log does not
    /// contain it.
    Set(Option<String>),
    /// It was read from this kind of memory.
    Read(&'static str),
    /// A function returned it: its name, if it is known.
    Returned(Option<String>),
    /// It was passed to a function.
    Passed,
    /// A call left nothing in the register.
    Invalidated,
    /// A call ended the pointer, in whatever register or slot it was: the function's name, if
    /// it is known.
    Ended(Ending, Option<String>),
}

/// How a call ended a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// The call may have moved the packet or changed its length.
    PacketChanged,
    /// The call released the memory or the object.
    Released,
}

/// What the verifier knows of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// In words: `a number from 0 to 5`.
    pub words: String,
    /// Whether it is one number, not a range.
    pub is_exact: bool,
}

/// What an instruction works with beside the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operand {
    /// The register of that number.
    Register(u8),
    /// A number in the instruction.
    Number(i32),
    /// Another value, if the value itself is on the stack.
    Another,
}

impl Change {
    /// Whether it is one of several instructions that compute a value in one line of source.
    fn is_part_of_computation(&self) -> bool {
        match self {
            Self::Made(known) => !known.is_exact,
            Self::Computed | Self::Increased(_) | Self::Moved(_) => true,
            _ => false,
        }
    }

    /// Whether the value after it is a new one, stated here.
    pub(crate) fn is_definition(&self) -> bool {
        matches!(
            self,
            Self::Made(_) | Self::Local | Self::PointsTo(_) | Self::SetTo(_) | Self::Set(_)
        )
    }

    /// The value after it in the words of the verifier's state.
    pub(crate) fn result(&self) -> Option<&str> {
        match self {
            Self::Made(known) => Some(&known.words),
            Self::Set(words) => words.as_deref(),
            _ => None,
        }
    }
}

/// What happened to a value in one line of source, `change` before `after`: its result, not
/// each instruction.
pub(super) fn joined(change: Change, mut after: Vec<Change>) -> Vec<Change> {
    let Some(first) = after.first_mut() else {
        return vec![change];
    };
    let works_with_register = matches!(
        first,
        Change::Increased(Operand::Register(_)) | Change::Moved(Operand::Register(_))
    );
    // The address of a variable on the stack is the frame pointer and an offset.
    if change == Change::Local && first.is_part_of_computation() && !works_with_register {
        *first = change;
        return after;
    }
    let is_result = matches!(first, Change::Made(known) if !known.is_exact);
    let is_stated = *first == change || (change.is_part_of_computation() && is_result);
    if !is_stated {
        after.insert(0, change);
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(words: &str, is_exact: bool) -> Change {
        Change::Made(Known {
            words: words.to_owned(),
            is_exact,
        })
    }

    #[test]
    fn a_computation_in_one_line_is_its_result() {
        let range = || made("a number from 0 to 5", false);
        assert_eq!(joined(Change::Computed, vec![range()]), [range()]);
        let number = || made("the number 5", true);
        assert_eq!(
            joined(Change::Computed, vec![number()]),
            [Change::Computed, number()]
        );
        assert_eq!(
            joined(Change::Passed, vec![Change::Passed]),
            [Change::Passed]
        );
    }

    #[test]
    fn the_address_of_a_local_variable_is_one_change() {
        let moved = |operand| vec![Change::Moved(operand), Change::Passed];
        assert_eq!(
            joined(Change::Local, moved(Operand::Number(-8))),
            [Change::Local, Change::Passed]
        );
        assert_eq!(joined(Change::Local, moved(Operand::Register(3))).len(), 3);
    }
}
