//! Reading and writing `ebpf.lock`: TOML with a line for each program and kernel, sorted,
//! so that a change of one figure is a change of one line.

use std::path::Path;

use ebpf_build::{Error, Result, file::write_atomically};
use toml_edit::{DocumentMut, Item, de, ser};

use super::{Budget, VERSION};

use crate::code::Code;

/// The name of the file, in the project's root.
pub(crate) const FILE: &str = "ebpf.lock";

const HEAD: &str = "# Verdicts and verifier statistics of each program, written by `cargo ebpf \
                    verify --update`.\n\
                    # `cargo ebpf verify --locked` compares with them.\n";

/// The code of the error that there is no such file.
pub(crate) const MISSING: Code = Code::BudgetMissing;

const FIX: &str = "cargo ebpf verify --update";

/// Reads the file at `path`.
///
/// # Errors
/// When there is none, or it is no such file.
pub(crate) fn read(path: &Path) -> Result<Budget> {
    let text = ebpf_base::read_text(path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => {
            Error::new(MISSING, format!("there is no {}", path.display())).fix(FIX)
        }
        _ => Error::io("read", path, &cause),
    })?;
    parse(path, &text)
}

/// Reads `text`, which is that of the file at `path`.
///
/// # Errors
/// When it is no such text.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Budget> {
    let broken = |cause| broken(path, cause);
    let budget: Budget = de::from_str(text).map_err(|cause| broken(cause.to_string()))?;
    if budget.version != VERSION {
        return Err(broken(format!(
            "its format is {}, and this version of cargo-ebpf supports only format {VERSION}",
            budget.version
        )));
    }
    Ok(budget)
}

/// The file at `path` is damaged, or was edited by hand.
pub(crate) fn broken(path: &Path, cause: String) -> Error {
    Error::new(
        Code::BudgetBroken,
        format!("{} is not valid", path.display()),
    )
    .because(cause)
    .fix(format!("restore it, or: {FIX}"))
}

/// Writes `budget` to `path`.
///
/// # Errors
/// When it cannot be written; what was there is still there then.
pub(crate) fn write(path: &Path, budget: &Budget) -> Result<()> {
    write_atomically(path, text(budget)?.as_bytes())
}

/// The text of the file that holds `budget`.
///
/// # Errors
/// When TOML has no way to write a figure.
pub(crate) fn text(budget: &Budget) -> Result<String> {
    let unwritable = |cause: ser::Error| {
        Error::new(Code::BudgetUnwritable, format!("{FILE} cannot be written"))
            .because(cause.to_string())
    };
    let mut document = ser::to_document(budget).map_err(unwritable)?;
    lay_out(&mut document);
    Ok(format!("{HEAD}{document}"))
}

/// Tables down to the programs; what is in those is a line each.
fn lay_out(document: &mut DocumentMut) {
    for name in ["tools", "kernels", "objects"] {
        expand(document.get_mut(name));
    }
    let objects = document.get_mut("objects").and_then(Item::as_table_mut);
    for (_, object) in objects.into_iter().flat_map(|table| table.iter_mut()) {
        let Some(object) = expand(Some(object)) else {
            continue;
        };
        let programs = expand(object.get_mut("programs"));
        for (_, program) in programs.into_iter().flat_map(|table| table.iter_mut()) {
            expand(Some(program));
        }
    }
}

/// Makes an inline table one of its own.
fn expand(item: Option<&mut Item>) -> Option<&mut toml_edit::Table> {
    let item = item?;
    if let Some(inline) = item.as_inline_table() {
        *item = Item::Table(inline.clone().into_table());
    }
    let table = item.as_table_mut()?;
    // A table of tables needs no line for itself.
    table.set_implicit(true);
    Some(table)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use std::fs;

    use super::*;
    use crate::budget::{Measured, Object};

    fn budget() -> Budget {
        let measured = |verdict: &str, insns| Measured {
            verdict: verdict.to_owned(),
            insns,
            ..Measured::default()
        };
        let on_kernels = BTreeMap::from([
            ("6.1".to_owned(), measured("accepted", Some(7277))),
            ("5.10".to_owned(), measured("unsupported", None)),
        ]);
        Budget {
            version: VERSION,
            tools: BTreeMap::from([("rustc".to_owned(), "1.96.0".to_owned())]),
            kernels: BTreeMap::from([("6.1".to_owned(), "6.1.192-2".to_owned())]),
            objects: BTreeMap::from([(
                "lock.o".to_owned(),
                Object {
                    size: 9000,
                    programs: BTreeMap::from([("a \"quoted\"".to_owned(), on_kernels)]),
                },
            )]),
        }
    }

    #[test]
    fn what_is_written_is_read_and_has_a_line_for_each_kernel() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        write(&path, &budget()).unwrap();
        assert_eq!(read(&path).unwrap(), budget());
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(read(&path).unwrap_err().code(), "budget-missing");
        for text in [
            "version = 2",
            "version = 1\n[objects.x]\nsize = -1",
            "<<<<<<<",
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path).unwrap_err().code(), "budget-broken", "{text}");
        }
    }
}
