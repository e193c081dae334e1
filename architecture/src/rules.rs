//! What `modules.toml` contains.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The rules of the repository.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The rules of each crate, by its directory.
    #[serde(rename = "crate")]
    pub crates: BTreeMap<String, CrateRules>,
}

/// The rules of a crate.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrateRules {
    /// Its top-level modules, all of them, each importing only those before it. Without any, the
    /// modules have no order and only circles are reported.
    #[serde(default)]
    pub order: Vec<String>,
    /// Crates from outside, and the top-level modules that may name them.
    #[serde(default)]
    pub confined: BTreeMap<String, BTreeSet<String>>,
}

impl Rules {
    /// Reads the text of `modules.toml`.
    ///
    /// # Errors
    /// When it is not TOML or has an unknown key.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}
