//! Patterns of what the verifier says: its format strings, with a name in braces where
//! a value stands.
//!
//! | placeholder | stands for |
//! |---|---|
//! | `{number}` | a number, decimal or hexadecimal |
//! | `{insn}` | the number of an instruction |
//! | `{register}` | `R3`; from Linux 7.3 on also an argument on the stack |
//! | `{name}` | an identifier |
//! | `{access}` | what is done to the stack: `write to`, `read from`, `indirect access to` |
//! | `{type}` | the type of a register that is not null |
//! | `{nullable}` | the type of one that may be, other than a map's value |
//! | `{word}` | anything without a space |
//! | `{text}` | all the rest |
//!
//! Each takes as much as it can, so a match takes one pass whatever the text.

/// What a pattern found in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// What `{insn}` stood for.
    pub(super) instruction: Option<u32>,
}

/// Holds all of `line` against `pattern`.
pub(super) fn find(pattern: &str, line: &str) -> Option<Found> {
    let mut found = Found { instruction: None };
    let (mut pattern, mut rest) = (pattern, line.trim_end());
    while let Some((literal, after)) = pattern.split_once('{') {
        let (placeholder, after) = after.split_once('}')?;
        rest = rest.strip_prefix(literal)?;
        let (value, after_value) = rest.split_at(length(placeholder, rest)?);
        if placeholder == "insn" {
            found.instruction = Some(value.parse().ok()?);
        }
        (pattern, rest) = (after, after_value);
    }
    (pattern == rest).then_some(found)
}

/// How many bytes at the start of `text` a placeholder stands for.
fn length(placeholder: &str, text: &str) -> Option<usize> {
    let run = |belongs: fn(char) -> bool| {
        let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
        (end > 0).then_some(end)
    };
    let word = || run(|c| !c.is_whitespace());
    // `ptr_or_null_`, `map_value_or_null`: as reg_type_str in the kernel makes them.
    let of_type = || run(|c| c.is_ascii_alphanumeric() || c == '_');
    let nullable = |end: &usize| text.get(..*end).is_some_and(|t| t.contains("_or_null"));
    match placeholder {
        "number" => {
            let sign = usize::from(text.starts_with('-'));
            let digits = text.get(sign..)?;
            let end = match digits.strip_prefix("0x") {
                Some(hex) => {
                    2 + hex
                        .find(|c: char| !c.is_ascii_hexdigit())
                        .unwrap_or(hex.len())
                }
                None => digits
                    .find(|c: char| !c.is_ascii_digit())
                    .unwrap_or(digits.len()),
            };
            (end > 0).then_some(sign + end)
        }
        "insn" => run(|c| c.is_ascii_digit()),
        "register" => text.starts_with(['R', '*', 'a']).then(word)?,
        "name" => run(|c| !c.is_whitespace() && c != '\''),
        "access" => ["write to", "read from", "indirect access to"]
            .into_iter()
            .find(|access| text.starts_with(access))
            .map(str::len),
        "type" => of_type().filter(|end| !nullable(end)),
        "nullable" => of_type()
            .filter(nullable)
            .filter(|&end| text.get(..end) != Some("map_value_or_null")),
        "word" => word(),
        "text" => Some(text.len()),
        // A test holds all patterns against this list.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, line: &str) -> bool {
        find(pattern, line).is_some()
    }

    #[test]
    fn placeholders_stand_for_values_and_all_else_for_itself() {
        let stack = "invalid {access} stack {register} off={number} size={number}";
        assert!(fits(stack, "invalid write to stack R10 off=-520 size=8"));
        assert!(fits(
            stack,
            "invalid indirect access to stack R2 off=8 size=8\n"
        ));
        assert!(!fits(
            stack,
            "invalid write to stack R10 off=-520 size=8 more"
        ));
        assert!(!fits(stack, "invalid write to stack R10 off= size=8"));
        assert!(!fits(stack, "an invalid write to stack R10 off=1 size=8"));
        assert!(fits("value {number} makes", "value 0x1f makes"));
        assert!(!fits("value {number} makes", "value - makes"));
        assert!(fits("map '{name}' has", "map 'TOTAL' has"));
    }

    #[test]
    fn types_that_may_be_null_are_told_apart() {
        let access = "{register} invalid mem access '{nullable}'";
        assert!(fits(access, "R0 invalid mem access 'ringbuf_mem_or_null'"));
        assert!(fits(access, "R1 invalid mem access 'rcu_ptr_or_null_'"));
        assert!(!fits(access, "R0 invalid mem access 'map_value_or_null'"));
        assert!(!fits(access, "R0 invalid mem access 'scalar'"));
        let argument = "{register} type={type} expected={text}";
        assert!(fits(argument, "R1 type=scalar expected=fp, "));
        assert!(!fits(argument, "R1 type=sock_or_null expected=sock"));
    }

    #[test]
    fn the_instruction_is_read() {
        let found = find(
            "jump out of range from insn {insn} to {number}",
            "jump out of range from insn 3 to 1001",
        );
        assert_eq!(found.and_then(|found| found.instruction), Some(3));
        assert_eq!(
            find("unreachable insn {insn}", "unreachable insn 99999999999"),
            None
        );
    }

    #[test]
    fn an_unknown_placeholder_or_brace_matches_nothing() {
        assert!(!fits("a {thing}", "a b"));
        assert!(!fits("a {number", "a 1"));
    }
}
