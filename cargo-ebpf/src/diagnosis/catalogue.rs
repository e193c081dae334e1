//! The classes of refusals that are known, and the words that tell them.

/// A kind of refusal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// Stable, in kebab-case.
    pub(crate) code: &'static str,
    /// What is wrong, in a few words.
    pub(crate) title: &'static str,
    /// The rule of the verifier that was broken.
    pub(crate) rule: &'static str,
    /// How Rust code keeps to it.
    pub(crate) hint: &'static str,
}

/// The class of a refusal, by what the verifier said last and the error number of the
/// system call.
pub(crate) fn classify(message: &[&str], _error: i32) -> Option<&'static Class> {
    let says = |text: &str| message.iter().any(|line| line.contains(text));
    CLASSES
        .iter()
        .find_map(|(text, class)| says(text).then_some(class))
}

const CLASSES: &[(&str, Class)] = &[
    (
        "invalid access to packet",
        Class {
            code: "packet-bounds",
            title: "packet data is accessed without a check of its length",
            rule: "a byte of a packet may be touched only after a comparison with `data_end` has shown that it is there",
            hint: "compare first: `if ctx.data() + offset + size > ctx.data_end() { return .. }`",
        },
    ),
    (
        "map_value_or_null",
        Class {
            code: "unchecked-map-value",
            title: "the value of a map is used without a check that it is there",
            rule: "what a map lookup returns may be null, and has to be checked before it is used",
            hint: "match on the `Option` that `get` returns: `let Some(value) = MAP.get(&key) else { return .. };`",
        },
    ),
    (
        "infinite loop detected",
        Class {
            code: "unbounded-loop",
            title: "this loop has no end that the verifier can see",
            rule: "every path through a program has to reach its end: a loop must make progress towards a bound",
            hint: "count the turns against a constant: `for _ in 0..LIMIT { .. }`",
        },
    ),
    (
        "invalid bpf_context access",
        Class {
            code: "context-access",
            title: "the program reads what its context does not have",
            rule: "only the fields of its own context may be read by a program, each with its own size",
            hint: "read fields through the methods of the context that the program is given",
        },
    ),
];
