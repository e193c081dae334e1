//! `ebpf.lock`: what the verifier made of each program on each kernel, committed, so that
//! a rise is seen in review and fails where it is held.

mod compare;
mod file;
mod measure;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    compare::{Breach, Comparison, Tolerances, compare},
    file::{FILE, MISSING, broken, parse, read, text, write},
    measure::{UNNAMED, kernel_name, measure},
};

/// The contents of an `ebpf.lock`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Budget {
    /// The version of this format: [`VERSION`].
    pub version: u32,
    /// What made the objects: `rustc`, `llvm`, `bpf-linker`. They explain a change, and
    /// are not held.
    #[serde(default)]
    pub tools: BTreeMap<String, String>,
    /// The full version of each kernel. Not held either.
    #[serde(default)]
    pub kernels: BTreeMap<String, String>,
    /// By the name of its file.
    #[serde(default)]
    pub objects: BTreeMap<String, Object>,
}

impl Budget {
    /// It with what was measured anew. What was not asked stays: other kernels, and other
    /// objects, unless `measured` is of the `whole` project.
    pub(crate) fn updated(mut self, measured: Self, whole: bool) -> Self {
        self.version = measured.version;
        self.tools.extend(measured.tools);
        self.kernels.extend(measured.kernels);
        if whole {
            self.objects
                .retain(|name, _| measured.objects.contains_key(name));
        }
        for (name, new) in measured.objects {
            let object = self.objects.entry(name).or_default();
            object.size = new.size;
            object
                .programs
                .retain(|name, _| new.programs.contains_key(name));
            for (name, kernels) in new.programs {
                object.programs.entry(name).or_default().extend(kernels);
            }
        }
        self
    }
}

/// Version of the format of `ebpf.lock`. Raised when a field changes its meaning.
pub(crate) const VERSION: u32 = 1;

/// One object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Object {
    /// Of what is embedded, in bytes: without DWARF.
    pub size: u64,
    /// By program, then by kernel.
    #[serde(default)]
    pub programs: BTreeMap<String, BTreeMap<String, Measured>>,
}

/// What a kernel made of a program. A figure that it does not give is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// `accepted`, `refused`, `unsupported`, `not-linked`, `not-tried`.
    pub verdict: String,
    /// Instructions that the verifier went through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insns: Option<u64>,
    /// States kept in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<u64>,
    /// States kept at the same time, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<u64>,
    /// Bytes of stack, of the program and all functions that it calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<u64>,
    /// Bytes of machine code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jit: Option<u64>,
}

impl Measured {
    /// The figures that are held, by their names in the file.
    pub(crate) fn figures(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("insns", self.insns),
            ("states", self.states),
            ("peak", self.peak),
            ("stack", self.stack),
            ("jit", self.jit),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_keeps_what_was_not_asked() {
        let budget = |text: &str| toml_edit::de::from_str::<Budget>(text).unwrap();
        let old = budget(
            "version = 1\n[kernels]\n\"6.1\" = \"6.1.1\"\n\"7.3\" = \"7.3.1\"\n\
             [objects.a]\nsize = 1\n\
             [objects.a.programs.p]\n\"6.1\" = { verdict = \"accepted\" }\n\"7.3\" = { verdict = \"accepted\" }\n\
             [objects.a.programs.gone]\n\"6.1\" = { verdict = \"accepted\" }\n\
             [objects.b]\nsize = 2\n",
        );
        let measured = budget(
            "version = 1\n[kernels]\n\"6.1\" = \"6.1.2\"\n[objects.a]\nsize = 3\n\
             [objects.a.programs.p]\n\"6.1\" = { verdict = \"refused\" }\n",
        );
        let updated = old.clone().updated(measured.clone(), false);
        assert_eq!(
            updated,
            budget(
                "version = 1\n[kernels]\n\"6.1\" = \"6.1.2\"\n\"7.3\" = \"7.3.1\"\n\
                 [objects.a]\nsize = 3\n\
                 [objects.a.programs.p]\n\"6.1\" = { verdict = \"refused\" }\n\"7.3\" = { verdict = \"accepted\" }\n\
                 [objects.b]\nsize = 2\n"
            )
        );
        let whole = old.updated(measured, true);
        assert_eq!(whole.objects.keys().collect::<Vec<_>>(), ["a"]);
    }
}
