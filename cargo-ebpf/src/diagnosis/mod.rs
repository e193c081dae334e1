//! From the verifier's words to a diagnosis.

pub(crate) mod catalogue;
