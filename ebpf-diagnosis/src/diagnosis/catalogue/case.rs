//! Kinds of rejections within a class: one message of the verifier has several causes, and
//! each has its own remedy.

use serde::Serialize;

use super::pattern;

/// A kind of rejection within a class.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Case {
    /// In kebab-case; unique in its class.
    pub name: &'static str,
    /// What is wrong, as the title of the class.
    pub title: &'static str,
    /// What the verifier wants, if the rule of the class does not say it.
    pub rule: Option<&'static str>,
    /// What to write instead, as the hint of the class.
    pub hint: &'static str,
    /// What shows it.
    #[serde(skip)]
    pub(super) shown_by: Evidence,
}

/// What shows that a rejection is of a certain kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// A line of the verifier matches one of these patterns.
    Message(&'static [&'static str]),
    /// A fact about the instruction, or about the values that it works with.
    Fact(Fact),
}

/// A fact about a rejection that the verifier's words do not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The pointer was into the packet until a call that changed the packet.
    PacketChanged,
    /// The pointer was to memory or an object that a call has released.
    Released,
    /// The packet pointer contains an offset that is not constant.
    VariableOffset,
    /// The pointer is to the metadata before a packet.
    Metadata,
    /// The instruction reserves a ring buffer entry of variable size.
    Dynptr,
    /// The argument must be a constant string.
    ConstantString,
    /// A helper accesses the memory, not the instruction itself.
    ByHelper,
    /// The length that is passed to a helper may be zero.
    ZeroSize,
    /// The helper that is called does not accept a length of zero.
    RejectsZero,
    /// The instruction writes.
    Writes,
    /// The instruction calls what a register points to.
    IndirectCall,
    /// The packet's length was compared, as a number: pointers were subtracted.
    LengthCompared,
    /// The instruction takes a spin lock.
    TakesLock,
    /// A function calls itself, directly or through others.
    Recursion,
    /// The program passes a function to a helper.
    Callback,
}

/// Of each class for a pointer that a call ended: the message depends on its use.
pub(super) const PACKET_CHANGED: Case = Case {
    name: "packet-changed",
    title: "a packet pointer is used after a call that may have changed the packet",
    rule: Some("a call that may change the packet invalidates all pointers into it"),
    hint: "reload `data` and `data_end` after the call, and repeat the bounds check: `if ctx.data() + 14 > ctx.data_end() { return XDP_DROP }` (in tc programs, `TC_ACT_SHOT`)",
    shown_by: Evidence::Fact(Fact::PacketChanged),
};

/// As [`PACKET_CHANGED`].
pub(super) const RELEASED: Case = Case {
    name: "released",
    title: "a pointer is used after a call that released it",
    rule: Some("a pointer must not be used after the call that releases what it points to"),
    hint: "do not use the pointer after the call that submits, discards or releases it: move that call after the last use",
    shown_by: Evidence::Fact(Fact::Released),
};

impl Case {
    /// Whether it is this kind.
    pub(super) fn applies(&self, message: &[&str], holds: &impl Fn(Fact) -> bool) -> bool {
        match self.shown_by {
            Evidence::Fact(fact) => holds(fact),
            Evidence::Message(patterns) => message.iter().any(|line| {
                patterns
                    .iter()
                    .any(|pattern| pattern::find(pattern, line).is_some())
            }),
        }
    }
}

#[cfg(test)]
impl Case {
    /// The patterns of the messages that show it.
    pub(super) fn patterns(&self) -> &'static [&'static str] {
        match self.shown_by {
            Evidence::Message(patterns) => patterns,
            Evidence::Fact(_) => &[],
        }
    }
}
