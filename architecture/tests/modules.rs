//! The modules of the crates keep to the order of `modules.toml`.

use std::path::Path;

use architecture::{Check, Rules, check};

#[test]
fn modules_import_only_what_comes_before_them() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(directory.join("modules.toml")).unwrap();
    let repository = directory.parent().unwrap().to_owned();
    let Check { broken, imports } = check(&repository, &Rules::parse(&text).unwrap());
    assert!(imports > 0, "no import was seen");
    assert!(
        broken.is_empty(),
        "imports that the rules of architecture/modules.toml forbid:\n{}",
        broken.join("\n")
    );
}
