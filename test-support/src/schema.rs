//! The published JSON schemas, which every document must match.

use jsonschema::Validator;
use serde_json::Value;

const CARGO_EBPF: &str = include_str!("../../docs/cargo-ebpf.schema.json");

/// A JSON schema, made stricter in one thing: a key that it does not describe is an error.
pub struct Schema(Validator);

impl Schema {
    /// Reads the text of a schema.
    ///
    /// # Panics
    /// When it is not a valid schema.
    pub fn new(text: &str) -> Self {
        Self::of(serde_json::from_str(text).expect("JSON"))
    }

    fn of(mut schema: Value) -> Self {
        close(&mut schema);
        Self(jsonschema::validator_for(&schema).expect("a JSON schema"))
    }

    /// The places at which `document` does not match, with the reasons.
    pub fn errors(&self, document: &Value) -> Vec<String> {
        let errors = self.0.iter_errors(document);
        errors
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }
}

/// Parses a document that `cargo ebpf --format json` printed.
///
/// # Errors
/// When it is not JSON, or does not match `docs/cargo-ebpf.schema.json`.
pub fn document(stdout: &[u8]) -> Result<Value, String> {
    let document = serde_json::from_slice(stdout)
        .map_err(|cause| format!("{cause}: {}", String::from_utf8_lossy(stdout)))?;
    match errors_in(&document).as_slice() {
        [] => Ok(document),
        errors => Err(format!(
            "not as in docs/cargo-ebpf.schema.json: {}",
            errors.join("\n")
        )),
    }
}

/// The errors by the definition that fits best, so that they name the place.
fn errors_in(document: &Value) -> Vec<String> {
    let mut schema: Value = serde_json::from_str(CARGO_EBPF).expect("JSON");
    let results = schema["anyOf"].take();
    let names = results.as_array().into_iter().flatten();
    let names = names.filter_map(|result| result["$ref"].as_str());
    let fits = |name: &str| {
        let definition = schema.pointer(name.trim_start_matches('#'));
        definition.is_some_and(|definition| has_its_keys(document, definition))
    };
    let names: Vec<&str> = names.filter(|name| fits(name)).collect();
    let errors = names.into_iter().map(|name| {
        let fields = schema.as_object_mut().expect("an object");
        fields.remove("anyOf");
        fields.insert("$ref".to_owned(), name.into());
        Schema::of(schema.clone()).errors(document)
    });
    errors.min_by_key(Vec::len).unwrap_or_else(|| {
        let keys = document.as_object().into_iter().flatten();
        let keys: Vec<_> = keys.map(|(key, _)| key.as_str()).collect();
        vec![format!("no result has the keys {}", keys.join(", "))]
    })
}

/// Whether `document` has every required key, and only described ones.
fn has_its_keys(document: &Value, definition: &Value) -> bool {
    let required = definition["required"].as_array().into_iter().flatten();
    let described = |key: &String| definition["properties"].get(key).is_some();
    let keys = document.as_object();
    required
        .filter_map(Value::as_str)
        .all(|key| document.get(key).is_some())
        && keys.is_some_and(|keys| keys.keys().all(described))
}

/// Has objects with named properties have no other ones.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(values) => values.iter_mut().for_each(close),
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            // A property may be called so, too.
            if fields.get("properties").is_some_and(Value::is_object) && fields.contains_key("type")
            {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wrong_documents_are_found() {
        let good = json!({"schema": 1, "removed": [{"path": "/x", "bytes": 3}]});
        assert_eq!(errors_in(&good), [""; 0]);
        for bad in [
            json!({"schema": 2, "removed": []}),
            json!({"schema": 1, "removed": [{"path": "/x", "bytes": -1}]}),
            json!({"schema": 1, "removed": [{"path": "/x"}]}),
            json!({"schema": 1, "removed": [{"path": "/x", "bytes": 3, "odd": 1}]}),
            json!({"schema": 1, "removed": [], "odd": 1}),
            json!({"schema": 1}),
            json!([]),
            json!({"schema": 1, "error": {"code": "x", "severity": "bad", "message": ""}}),
        ] {
            assert!(!errors_in(&bad).is_empty(), "{bad}");
        }
    }
}
