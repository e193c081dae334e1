//! Reading of TOML files whose structure is not ours.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{Code, Error, Result};

/// The first line of a file that begins with `key`, counted from 1.
pub(super) fn line_of(file: &Path, key: &str) -> Option<u32> {
    let text = ebpf_base::read_text(file).ok()?;
    let index = text
        .lines()
        .position(|line| line.trim_start().starts_with(key))?;
    u32::try_from(index + 1).ok()
}

pub(super) fn parse(file: &Path) -> Result<Value> {
    let text = ebpf_base::read_text(file).map_err(|cause| Error::io("read", file, &cause))?;
    toml_edit::de::from_str::<Map<_, _>>(&text)
        .map(Value::Object)
        .map_err(|cause| {
            Error::new(
                Code::ConfigNotToml,
                format!("{} is not TOML", file.display()),
            )
            .because(cause.to_string().trim_end().to_owned())
            .fix("correct the line that the cause names")
        })
}

/// What TOML calls the type of a value.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(number) if !number.is_f64() => "integer",
        // Also one without an end, which JSON lacks.
        Value::Number(_) | Value::Null => "float",
        Value::Array(_) => "array",
        Value::Object(entries) if entries.contains_key(DATETIME) => "datetime",
        Value::Object(_) => "table",
    }
}

/// The only key of what toml_edit makes of a date for types that lack one.
const DATETIME: &str = "$__toml_private_datetime";

pub(super) fn at<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().try_fold(value, |value, key| value.get(key))
}

/// A list of words, in both ways in which cargo lets one write it.
pub(super) fn strings(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(words)) => words.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(words)) => words
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}
