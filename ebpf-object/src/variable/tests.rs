use std::fs;

use super::*;

fn object(name: &str) -> Vec<u8> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../cargo-ebpf/tests");
    fs::read(format!("{directory}/{name}.o")).unwrap()
}

const fn unsigned(size: u64) -> Type {
    Type::Integer {
        size,
        signed: false,
    }
}

fn array(element: Type, len: u64) -> Type {
    Type::Array {
        element: Box::new(element),
        len,
    }
}

fn record(path: &[&str], size: u64) -> Type {
    Type::Record {
        path: path.iter().map(|&name| Name::from(name)).collect(),
        size,
    }
}

/// The value of a variable, and the parameters of its type.
fn types(object: &[u8], symbol: &str) -> (Type, Vec<Type>) {
    let declared = declared(object, [symbol]).remove(symbol).unwrap();
    (declared.value, declared.parameters)
}

#[test]
fn globals_are_those_with_a_name() {
    let globals = globals(&object("pipeline/skeleton/watch")).unwrap();
    let globals: Vec<_> = globals
        .iter()
        .map(|global| (global.name.as_str(), global.section.as_str(), global.size))
        .collect();
    assert_eq!(
        globals,
        [
            ("LIMITS", ".rodata", 6),
            ("SEEN", ".data", 8),
            ("START", ".rodata", 16),
            ("TARGET_PID", ".rodata", 4),
            ("VERBOSE", ".rodata", 1),
            ("ZEROED", ".bss", 4),
        ]
    );
}

#[test]
fn dwarf_has_the_paths_of_types() {
    let object = object("pipeline/skeleton/watch");
    let traffic = record(&["watch_common", "Traffic"], 16);
    let value = |symbol| types(&object, symbol).0;
    assert_eq!(value("TARGET_PID"), unsigned(4));
    assert_eq!(value("VERBOSE"), Type::Bool);
    assert_eq!(value("LIMITS"), array(unsigned(2), 3));
    assert_eq!(value("START"), traffic);
    let zeroed = Type::Integer {
        size: 4,
        signed: true,
    };
    assert_eq!(value("ZEROED"), zeroed);

    let parameters = |symbol| types(&object, symbol).1;
    assert_eq!(parameters("CALLS"), [unsigned(4), unsigned(8)]);
    assert_eq!(parameters("TRAFFIC"), [traffic]);
    let own = record(&["watch", "Own"], 8);
    assert_eq!(parameters("OWN"), [array(unsigned(1), 16), own]);
    let key = Type::Integer {
        size: 1,
        signed: true,
    };
    assert_eq!(parameters("FLAGS"), [key, Type::Bool]);
    assert_eq!(parameters("JUMPS"), []);
}

#[test]
fn btf_has_the_keys_and_values_of_maps() {
    let object = object("objects/aya-btf");
    assert_eq!(types(&object, "PID").0, unsigned(4));
    let parameters = |symbol| types(&object, symbol).1;
    let counts = [unsigned(8), array(unsigned(4), 3)];
    assert_eq!(parameters("COUNTS"), counts);
    assert_eq!(parameters("LIMITS"), [unsigned(4), unsigned(2)]);
    // A legacy map has its types in DWARF only.
    assert!(declared(&self::object("objects/aya-legacy"), ["SWITCHES"]).is_empty());
}

/// Whatever bytes are changed, reading ends, and nothing panics.
#[test]
fn damaged_objects_are_read_to_an_end() {
    let whole = object("pipeline/skeleton/watch");
    let symbols = ["CALLS", "OWN", "START", "VERBOSE"];
    for at in (0..whole.len()).step_by(4999) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        let _ = globals(&damaged);
        let _ = declared(&damaged, symbols);
    }
    for len in (0..whole.len()).step_by(9973) {
        let _ = declared(&whole[..len], symbols);
    }
}
