use serde_json::Value;

use super::report;
use crate::{
    profile::{
        fixtures,
        group::{By, Filter},
        snapshot::{Scope, Snapshot},
    },
    view::Options,
};

const SCHEMA: &str = include_str!("../../../../docs/lock-report.schema.json");

fn parsed(snapshot: &Snapshot, options: &Options) -> Value {
    serde_json::from_str(&report(snapshot, options).unwrap()).unwrap()
}

/// What is wrong with a document, by the schema. It is made stricter in one thing: a key that
/// the schema does not have is wrong.
fn wrong_in(document: &Value) -> Vec<String> {
    let mut schema: Value = serde_json::from_str(SCHEMA).unwrap();
    close(&mut schema);
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong = validator.iter_errors(document);
    wrong
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
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

#[test]
fn every_document_is_as_the_schema_says() {
    let mut process = fixtures::exact();
    process.metadata.scope = Scope::Process { pid: 4711 };
    let mut command = fixtures::snapshot();
    command.metadata.scope = Scope::Command {
        command: vec!["make".to_owned(), "-j8".to_owned()],
    };
    let nothing = Snapshot::default();
    for snapshot in [&fixtures::snapshot(), &process, &command, &nothing] {
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
    let good = parsed(&fixtures::snapshot(), &Options::default());
    for (pointer, bad) in [
        ("/schema", Value::from(1)),
        ("/duration_ns", Value::from("2 s")),
        ("/ranking/rows/0/count", Value::Null),
        ("/duration_ns", Value::from(-1)),
        ("/locks/0/address", Value::from(12)),
        ("/locks/0/address", Value::from("0xno")),
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
    insta::assert_snapshot!(report(&fixtures::snapshot(), &Options::default()).unwrap());
}

#[test]
fn an_account_that_does_not_hold_says_so() {
    let mut snapshot = fixtures::snapshot();
    snapshot.accounting.user.begins += 1;
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
    let document = parsed(&fixtures::snapshot(), &options);
    assert_eq!(document["ranking"]["rows"].as_array().unwrap().len(), 3);
    assert_eq!(document["ranking"]["rows_left_out"], 7);
}
