use serde_json::Value;

use super::report;
use crate::{
    profile::{
        fixture,
        group::{By, Filter},
        snapshot::{Scope, Snapshot},
    },
    view::Options,
};

const SCHEMA: &str = include_str!("../../../../docs/lock-report.schema.json");

fn parsed(snapshot: &Snapshot, options: &Options) -> Value {
    serde_json::from_str(&report(snapshot, options).unwrap()).unwrap()
}

/// Holds a value against the schema. It is stricter in one thing: a key that the schema does
/// not have is wrong.
fn check(schema: &Value, root: &Value, value: &Value, path: &str, wrong: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().expect("a schema") {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().and_then(|it| it.strip_prefix('#')).unwrap();
                check(
                    root.pointer(pointer).expect(pointer),
                    root,
                    value,
                    path,
                    wrong,
                );
            }
            "type" => {
                let types = rule
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![rule.clone()]);
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(number) if number.is_u64() => "integer",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                if !types.iter().any(|it| it == kind) {
                    wrong.push(format!("{path}: {kind}, not {rule}"));
                }
            }
            "properties" => {
                let Some(object) = value.as_object() else {
                    continue;
                };
                let rules = rule.as_object().unwrap();
                for (key, value) in object {
                    match rules.get(key) {
                        Some(rule) => check(rule, root, value, &format!("{path}/{key}"), wrong),
                        None => wrong.push(format!("{path}/{key}: not in the schema")),
                    }
                }
            }
            "required" => {
                let Some(object) = value.as_object() else {
                    continue;
                };
                for key in rule.as_array().unwrap().iter().filter_map(Value::as_str) {
                    if !object.contains_key(key) {
                        wrong.push(format!("{path}/{key}: missing"));
                    }
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(rule, root, value, &format!("{path}/{index}"), wrong);
                }
            }
            "anyOf" => {
                let fits = rule.as_array().unwrap().iter().any(|schema| {
                    let mut wrong = Vec::new();
                    check(schema, root, value, path, &mut wrong);
                    wrong.is_empty()
                });
                if !fits {
                    wrong.push(format!("{path}: fits none of {rule}"));
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                wrong.push(format!("{path}: {value} is none of {rule}"));
            }
            "const" if rule != value => wrong.push(format!("{path}: {value}, not {rule}")),
            // That of addresses is the only one.
            "pattern" if value.as_str().is_some_and(|it| !it.starts_with("0x")) => {
                wrong.push(format!("{path}: {value} is not {rule}"));
            }
            "enum" | "const" | "pattern" | "$schema" | "$id" | "$defs" | "title"
            | "description" | "minimum" => {}
            keyword => panic!("{path}: the schema uses {keyword}, which is not checked"),
        }
    }
}

fn wrong_in(document: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut wrong = Vec::new();
    check(&schema, &schema, document, "", &mut wrong);
    wrong
}

#[test]
fn every_document_is_as_the_schema_says() {
    let mut process = fixture::exact();
    process.about.scope = Scope::Process { pid: 4711 };
    let mut command = fixture::snapshot();
    command.about.scope = Scope::Command {
        command: vec!["make".to_owned(), "-j8".to_owned()],
    };
    let nothing = Snapshot::default();
    for snapshot in [&fixture::snapshot(), &process, &command, &nothing] {
        for by in [By::Lock, By::Stack, By::Thread, By::Holder] {
            let options = Options {
                by,
                filter: Filter {
                    stack: (by == By::Stack).then(|| "pool".to_owned()),
                    ..Filter::default()
                },
                ..Options::default()
            };
            assert_eq!(wrong_in(&parsed(snapshot, &options)), [""; 0], "{by:?}");
        }
    }
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let good = parsed(&fixture::snapshot(), &Options::default());
    for (pointer, bad) in [
        ("/schema", Value::from(1)),
        ("/duration_ns", Value::from("2 s")),
        ("/ranking/rows/0/count", Value::Null),
        ("/locks/0/address", Value::from(12)),
        ("/locks/0/kind", Value::from("odd")),
        ("/about", serde_json::json!({})),
        (
            "/sites/0/holder",
            serde_json::json!({"thread": 1, "who": 2}),
        ),
    ] {
        let mut document = good.clone();
        *document.pointer_mut(pointer).expect(pointer) = bad;
        assert!(!wrong_in(&document).is_empty(), "{pointer}");
    }
}

#[test]
fn the_whole_document() {
    insta::assert_snapshot!(report(&fixture::snapshot(), &Options::default()).unwrap());
}

#[test]
fn an_account_that_does_not_hold_says_so() {
    let mut snapshot = fixture::snapshot();
    snapshot.account.user.begins += 1;
    let document = parsed(&snapshot, &Options::default());
    assert_eq!(document["account"]["holds"], false);
    assert_eq!(document["account"]["kernel"]["holds"], true);
    assert_eq!(document["account"]["user"]["holds"], false);
}

#[test]
fn rows_that_are_left_out_are_counted() {
    let options = Options {
        limit: Some(3),
        ..Options::default()
    };
    let document = parsed(&fixture::snapshot(), &options);
    assert_eq!(document["ranking"]["rows"].as_array().unwrap().len(), 3);
    assert_eq!(document["ranking"]["rows_left_out"], 7);
}
