//! Documents for programs: JSON of types that are only for it, so that its shape does not
//! change with those inside.

use serde::Serialize;

use crate::error::{Error, Result};

/// Writes any document, with a line break at its end.
pub(crate) fn document(content: &impl Serialize) -> Result<String> {
    let mut text = serde_json::to_string_pretty(content).map_err(|error| {
        Error::new("json", "the report could not be written as JSON").because_of(&error)
    })?;
    text.push('\n');
    Ok(text)
}
