//! What the verifier knows of a register, as its log prints it, and in words.
//!
//! Sources: `print_verifier_state` and `print_reg_state` of the kernel, and
//! `reg_type_str` for the names of types; 5.10 to 6.18. What is not known here is shown
//! as the kernel has it.

use std::fmt::Write as _;

use super::log::starts_state;

/// The registers that a line prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State<'text> {
    text: &'text str,
}

impl<'text> State<'text> {
    /// Reads what a line prints of registers; nothing if it prints none.
    pub(crate) fn of(text: &'text str) -> Option<Self> {
        let text = text.trim();
        if !starts_state(text) {
            return None;
        }
        // How many calls deep: the way tells that too, and more.
        let frame = text
            .strip_prefix("frame")
            .and_then(|rest| rest.split_once(':'));
        Some(Self {
            text: frame.map_or(text, |(_, rest)| rest),
        })
    }

    /// What it says of a register (`R1`) or a slot of the stack (`fp-8`).
    pub(crate) fn get(&self, name: &str) -> Option<&'text str> {
        let mut rest = self.text;
        loop {
            rest = rest.trim_start();
            let end = token(rest);
            let (word, after) = rest.split_at_checked(end)?;
            if word.is_empty() {
                return None;
            }
            let (key, value) = word.split_once('=')?;
            // Marks of liveness follow the name: `R1_w`, `fp-8_rD`.
            if key.split('_').next() == Some(name) {
                return Some(value);
            }
            rest = after;
        }
    }
}

/// Where a word ends: at the first space outside of brackets.
fn token(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b' ' | b'\t' | b';' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// What is known of a register: its type, and what is printed in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value<'text> {
    /// The type without what may be said of every pointer: `map_value`, `scalar`.
    pub(crate) kind: &'text str,
    /// Whether it may be null.
    pub(crate) or_null: bool,
    /// The value, where it is known.
    constant: Option<i64>,
    /// `off=4`, `umax=255`.
    fields: Vec<(&'text str, &'text str)>,
}

impl<'text> Value<'text> {
    /// Reads a value: `map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0)`, `scalar(umax=255)`,
    /// `inv4`, `P0`, `-1`, `0x1000`.
    pub(crate) fn of(text: &'text str) -> Self {
        // Precise: kept exact for comparisons. Says nothing of the value.
        let text = text.strip_prefix('P').unwrap_or(text);
        let (head, inner) = match text.split_once('(') {
            Some((head, inner)) => (head, inner.strip_suffix(')').unwrap_or(inner)),
            None => (text, ""),
        };
        let number = |text: &str| {
            text.strip_prefix("0x").map_or_else(
                || text.parse().ok(),
                |hex| u64::from_str_radix(hex, 16).ok().map(u64::cast_signed),
            )
        };
        // `fp-8` is a pointer to the stack and its offset, `inv4` a number.
        let name = head.trim_end_matches(|c: char| c.is_ascii_digit());
        let name = name.strip_suffix('-').unwrap_or(name);
        let name = if number(head).is_some() { "" } else { name };
        let constant = head
            .get(name.len()..)
            .and_then(|rest| number(rest.strip_prefix('P').unwrap_or(rest)));
        let name = name.strip_suffix('P').unwrap_or(name);
        let (kind, or_null) = match name.strip_suffix("_or_null") {
            Some(kind) => (kind, true),
            None => match name.strip_prefix("ptr_or_null_") {
                Some(_) => (name, true),
                None => (name, false),
            },
        };
        let kind = match kind {
            "" | "inv" => "scalar",
            other => other,
        };
        Self {
            kind,
            or_null,
            constant,
            fields: fields(inner),
        }
    }

    fn field(&self, names: &[&str]) -> Option<&'text str> {
        self.fields
            .iter()
            .find_map(|(key, value)| names.contains(key).then_some(*value))
    }

    fn number(&self, names: &[&str]) -> Option<i128> {
        let text = self.field(names)?;
        match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok().map(i128::from),
            None => text.parse().ok(),
        }
    }

    /// How far behind the start of what it points to: at least and at most.
    fn offset(&self) -> (i128, Option<i128>) {
        let fixed = self.number(&["off"]).unwrap_or(0);
        let constant = self.number(&["imm"]);
        let low = constant
            .or_else(|| self.number(&["umin", "umin_value"]))
            .or_else(|| self.number(&["smin", "smin_value"]))
            .unwrap_or(0);
        let varies = self.field(&["var_off"]).is_some();
        let high = constant
            .or_else(|| self.number(&["umax", "umax_value"]))
            .or_else(|| self.number(&["smax", "smax_value"]));
        let high = if varies {
            high
        } else {
            Some(high.unwrap_or(low))
        };
        (
            fixed.saturating_add(low),
            high.map(|high| fixed.saturating_add(high)),
        )
    }

    /// What a comparison in between may have made of it: how many bytes of a packet are
    /// there is known of every pointer into it, and printed of those that are compared.
    pub(crate) fn before_a_branch(mut self) -> Self {
        if self.kind.starts_with("pkt") {
            self.fields.retain(|(name, _)| *name != "r");
        }
        self
    }

    /// In words, where nothing but the type is known.
    pub(crate) fn type_in_words(kind: &'text str) -> String {
        let value = Self::of(kind);
        match value.kind {
            "scalar" => "a number".to_owned(),
            // Every value of a helper's memory is called so, a map's too.
            _ => value.words(),
        }
    }

    /// Whether it is a pointer into a packet, or to its end.
    pub(crate) fn is_packet(&self) -> bool {
        self.kind.starts_with("pkt")
    }

    /// Whether it points to a place that is not constant.
    pub(crate) fn has_variable_offset(&self) -> bool {
        let (low, high) = self.offset();
        high != Some(low)
    }

    /// Whether it is a pointer.
    pub(crate) fn is_pointer(&self) -> bool {
        self.kind != "scalar"
    }

    /// Whether it is an unknown scalar.
    pub(crate) fn is_unknown_number(&self) -> bool {
        let names_another = |(name, _): &(&str, &str)| *name == "id";
        self.kind == "scalar" && self.constant.is_none() && self.fields.iter().all(names_another)
    }

    /// Whether it is a number of which something is known.
    pub(crate) fn is_bounded(&self) -> bool {
        self.kind == "scalar" && (self.constant.is_some() || !self.fields.is_empty())
    }

    /// What the verifier knows, for a person: a phrase that follows "is".
    pub(crate) fn words(&self) -> String {
        let mut words = self.what();
        if self.or_null {
            words += ", or null";
        }
        words
    }

    fn what(&self) -> String {
        let at = self.at();
        match self.kind {
            "scalar" => self.scalar(),
            "ctx" => format!("a pointer to the program's context{at}"),
            "fp" => match self.constant {
                None if at.is_empty() => "a pointer to the stack".to_owned(),
                None => format!("a pointer to the stack{at}, relative to the frame pointer"),
                Some(0) => "a pointer to the top of the stack".to_owned(),
                Some(offset) => {
                    format!("a pointer to the stack at offset {offset:+} from the frame pointer")
                }
            },
            "map_ptr" | "const_map_ptr" => match self.field(&["map"]) {
                Some(map) => format!("the map {map}"),
                None => "a map".to_owned(),
            },
            "map_value" => {
                let of = match self.field(&["map"]) {
                    Some(map) => format!("of the map {map}"),
                    None => "of a map".to_owned(),
                };
                match self.number(&["vs"]) {
                    Some(size) => format!("a pointer into the {size}-byte value {of}{at}"),
                    None => format!("a pointer into the value {of}{at}"),
                }
            }
            "map_key" => format!("a pointer to a key of a map{at}"),
            "pkt" | "pkt_meta" => {
                let data = if self.kind == "pkt" {
                    "packet data"
                } else {
                    "packet metadata"
                };
                let proven = match self.number(&["r"]) {
                    None => return format!("a pointer into {data}{at}"),
                    Some(0) => "no bytes".to_owned(),
                    Some(1) => "1 byte".to_owned(),
                    Some(bytes) => format!("{bytes} bytes"),
                };
                format!("a pointer into {data}{at}, with {proven} known to be in bounds")
            }
            "pkt_end" => "the end of packet data".to_owned(),
            "func" => "a function".to_owned(),
            "mem" | "alloc_mem" | "ringbuf_mem" | "rdonly_mem" | "rdwr_mem" | "rdonly_buf"
            | "rdwr_buf" | "buf" | "dynptr_mem" => {
                let memory = match self.kind {
                    "ringbuf_mem" | "alloc_mem" => "memory reserved from a ring buffer",
                    "rdonly_mem" | "rdonly_buf" => "read-only memory",
                    _ => "memory",
                };
                match self.number(&["sz", "mem_size"]) {
                    Some(size) => format!("a pointer into {size} bytes of {memory}{at}"),
                    None => format!("a pointer into {memory}{at}"),
                }
            }
            "sock" | "sock_common" | "tcp_sock" | "xdp_sock" => {
                format!("a pointer to a {}{at}", self.kind)
            }
            kind => match kind.split_once("ptr_") {
                // `trusted_ptr_task_struct`, `ptr_or_null_task_struct`
                Some((trust, of)) => {
                    let of = of.strip_prefix("or_null_").unwrap_or(of);
                    let trust = match trust.trim_end_matches('_') {
                        "" => "a pointer".to_owned(),
                        trust => format!("{} {} pointer", article(trust), trust.replace('_', " ")),
                    };
                    format!("{trust} to the kernel's `{of}`{at}")
                }
                None => format!("`{kind}`{at}"),
            },
        }
    }

    /// What it points to, in a few words.
    pub(crate) fn memory(&self) -> &'static str {
        match self.kind {
            "ctx" => "the program's context",
            "fp" => "the stack",
            "pkt" | "pkt_meta" => "the packet",
            "map_value" | "map_key" => "a map",
            kind if kind.contains("ptr_") => "the kernel's memory",
            _ => "memory",
        }
    }

    /// ` at offset 4`, where it does not point to the start.
    fn at(&self) -> String {
        if self.fields.iter().all(|(key, _)| {
            !matches!(*key, "off" | "imm" | "var_off")
                && !key.contains("max")
                && !key.contains("min")
        }) {
            return String::new();
        }
        match self.offset() {
            (0, Some(0)) => String::new(),
            (low, Some(high)) if low == high => format!(" at offset {low}"),
            (low, Some(high)) => format!(" at an offset from {low} to {high}"),
            (0, None) => " at an offset with no upper bound".to_owned(),
            (low, None) => format!(" at an offset of at least {low}, with no upper bound"),
        }
    }

    /// The number, where it is known exactly.
    pub(crate) fn exact(&self) -> Option<i128> {
        self.constant.map(i128::from).or_else(|| {
            self.number(&["imm"])
                .filter(|_| self.field(&["var_off"]).is_none())
        })
    }

    fn scalar(&self) -> String {
        if let Some(value) = self.exact() {
            return format!("the number {value}");
        }
        let unsigned = (
            self.number(&["umin", "umin_value"]),
            self.number(&["umax", "umax_value"]),
        );
        let signed = (
            self.number(&["smin", "smin_value"]),
            self.number(&["smax", "smax_value"]),
        );
        let mut words = match (unsigned, signed) {
            ((low, Some(high)), _) => format!("a number from {} to {high}", low.unwrap_or(0)),
            (_, (Some(low), Some(high))) => format!("a number from {low} to {high}"),
            ((Some(low), None), _) => format!("a number of at least {low}"),
            (_, (None, Some(high))) => {
                format!("a number that may be negative and is at most {high}")
            }
            (_, (Some(low), None)) => format!("a number of at least {low} (signed)"),
            _ => "an unknown number".to_owned(),
        };
        if let (None, None, Some(mask)) = (unsigned.1, signed.1, self.field(&["var_off"])) {
            let _ = write!(words, " (known bits {mask})");
        }
        words
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// `off=0,smax=umax=255,var_off=(0x0; 0xff)`: every name with its value.
fn fields(text: &str) -> Vec<(&str, &str)> {
    let mut fields = Vec::new();
    let mut depth = 0_usize;
    let parts = text.split(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    });
    for part in parts {
        let Some((names, value)) = part.rsplit_once('=') else {
            // `ptr_to_btf_id(task_struct)` and the like.
            continue;
        };
        fields.extend(names.split('=').map(|name| (name.trim(), value)));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernels_words_for_the_same_are_one() {
        for (text, words) in [
            // 5.10
            (
                "ctx(id=0,off=0,imm=0)",
                "a pointer to the program's context",
            ),
            ("inv4", "the number 4"),
            ("invP0", "the number 0"),
            ("inv(id=0)", "an unknown number"),
            (
                "inv(id=0,umax_value=255,var_off=(0x0; 0xff))",
                "a number from 0 to 255",
            ),
            (
                "map_value_or_null(id=1,off=0,ks=4,vs=8,imm=0)",
                "a pointer into the 8-byte value of a map, or null",
            ),
            (
                "pkt(id=0,off=0,r=14,imm=0)",
                "a pointer into packet data, with 14 bytes known to be in bounds",
            ),
            ("fp0", "a pointer to the top of the stack"),
            (
                "fp-16",
                "a pointer to the stack at offset -16 from the frame pointer",
            ),
            (
                "ptr_task_struct(id=0,off=0,imm=0)",
                "a pointer to the kernel's `task_struct`",
            ),
            // 6.1
            ("0", "the number 0"),
            ("P-1", "the number -1"),
            (
                "scalar(umax=255,var_off=(0x0; 0xff))",
                "a number from 0 to 255",
            ),
            (
                "map_value(off=4,ks=4,vs=8,imm=0)",
                "a pointer into the 8-byte value of a map at offset 4",
            ),
            // 6.12 and 6.18
            ("ctx()", "a pointer to the program's context"),
            (
                "scalar(smin=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff))",
                "a number from 0 to 255",
            ),
            (
                "map_value_or_null(id=1,map=COUNTS,ks=4,vs=8)",
                "a pointer into the 8-byte value of the map COUNTS, or null",
            ),
            (
                "map_value(map=COUNTS,ks=4,vs=64,smin=umin=smin32=umin32=0,smax=umax=63,var_off=(0x0; 0x3f))",
                "a pointer into the 64-byte value of the map COUNTS at an offset from 0 to 63",
            ),
            (
                "pkt(r=0)",
                "a pointer into packet data, with no bytes known to be in bounds",
            ),
            ("scalar(umin=1)", "a number of at least 1"),
            (
                "trusted_ptr_task_struct()",
                "a trusted pointer to the kernel's `task_struct`",
            ),
            (
                "ptr_or_null_task_struct(id=2)",
                "a pointer to the kernel's `task_struct`, or null",
            ),
            (
                "ringbuf_mem_or_null(id=2,ref_obj_id=2,sz=16)",
                "a pointer into 16 bytes of memory reserved from a ring buffer, or null",
            ),
            ("something_new(a=1)", "`something_new`"),
        ] {
            assert_eq!(Value::of(text).words(), words, "{text}");
        }
    }

    #[test]
    fn a_register_is_found_among_others() {
        let state = State::of(
            "frame1: R0_w=inv(id=0,var_off=(0x0; 0xff)) R1=ctx() R10=fp0 fp-8_w=mmmm????",
        )
        .unwrap();
        assert_eq!(state.get("R1"), Some("ctx()"));
        assert_eq!(state.get("R0"), Some("inv(id=0,var_off=(0x0; 0xff))"));
        assert_eq!(state.get("R10"), Some("fp0"));
        assert_eq!(state.get("fp-8"), Some("mmmm????"));
        assert_eq!(state.get("R2"), None);
        assert!(State::of("; int x = 1;").is_none());
    }
}
