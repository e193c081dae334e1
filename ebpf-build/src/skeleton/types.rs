//! How the types of keys, values and global variables are written in a loader.

use std::{collections::BTreeMap, path::Path};

use ebpf_object::variable::Type;

use super::{Dependencies, name};

/// What stands for a type of the eBPF side, by its path there.
pub(crate) type Replaced = BTreeMap<String, String>;

/// Writes types. Each is one that has Aya's `Pod`, or that the user has to make one.
#[derive(Debug)]
pub(crate) struct Types {
    dependencies: Dependencies,
    pub(crate) replaced: Replaced,
}

impl Types {
    /// For the loader whose manifest is in `directory`.
    pub(crate) fn of(directory: &Path, replaced: Replaced) -> Self {
        Self {
            dependencies: Dependencies::of(directory),
            replaced,
        }
    }

    /// The type of a key or value of `size` bytes: `declared`, if it has this size.
    pub(super) fn sized(&self, declared: Option<&Type>, size: u64) -> String {
        declared
            .filter(|declared| declared.size() == Some(size))
            .map_or_else(|| bytes(size), |declared| self.plain(declared))
    }

    /// The type of a global variable of `size` bytes, and what makes one with `Pod` of its `value`.
    pub(super) fn global(&self, declared: Option<&Type>, size: u64) -> (String, &'static str) {
        match declared {
            Some(Type::Bool) if size == 1 => ("bool".to_owned(), "u8::from(value)"),
            _ => (self.sized(declared, size), "value"),
        }
    }

    /// A type with `Pod`. A `bool` is a `u8`, as a byte from the kernel may have any value.
    fn plain(&self, declared: &Type) -> String {
        match declared {
            Type::Bool => "u8".to_owned(),
            Type::Integer { size, signed } => integer(*size, *signed),
            Type::Array { element, len } => format!("[{}; {len}]", self.plain(element)),
            Type::Record { path, size } => {
                let path: Vec<_> = path.iter().map(|name| name.as_str()).collect();
                self.shared(&path).unwrap_or_else(|| bytes(*size))
            }
            other => bytes(other.size().unwrap_or_default()),
        }
    }

    /// A structure of a crate that both sides depend on.
    fn shared(&self, path: &[&str]) -> Option<String> {
        if let Some(replaced) = self.replaced.get(&path.join("::")) {
            return Some(replaced.clone());
        }
        let [root, rest @ ..] = path else {
            return None;
        };
        if rest.is_empty() || !path.iter().all(|part| name::is_identifier(part)) {
            return None;
        }
        let root = self.dependencies.local_name(root)?;
        let rest = rest.iter().map(|part| format!("::{}", name::raw(part)));
        Some(format!(
            "::{}{}",
            name::raw(&root),
            rest.collect::<String>()
        ))
    }
}

fn integer(size: u64, signed: bool) -> String {
    let sign = if signed { 'i' } else { 'u' };
    match size {
        1 | 2 | 4 | 8 | 16 => format!("{sign}{}", size * 8),
        _ => bytes(size),
    }
}

fn bytes(size: u64) -> String {
    format!("[u8; {size}]")
}
