use serde_json::Value;
use test_support::Schema;

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

fn errors_in(document: &Value) -> Vec<String> {
    Schema::new(SCHEMA).errors(document)
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
            assert_eq!(errors_in(&parsed(snapshot, &options)), [""; 0], "{by:?}");
        }
    }
}

#[test]
fn the_schema_rejects_what_is_wrong() {
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
        assert!(!errors_in(&document).is_empty(), "{pointer}");
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
