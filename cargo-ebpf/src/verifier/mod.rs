//! The kernel's verifier: loading programs through it and reading what it says.
