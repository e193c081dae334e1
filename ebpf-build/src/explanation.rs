//! What is known of a code beyond its meaning: why it is so, and what to do about it.

use crate::{Code, check, compile_error};

/// The explanation of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Why it is so.
    pub because: &'static str,
    /// What to do about it, depending on the case.
    pub fixes: Vec<&'static str>,
}

/// The explanation of what code can have that eBPF does not have.
///
/// ```
/// use ebpf_build::{Code, explanation};
///
/// let division = explanation(Code::SignedDivision).unwrap();
/// assert!(division.fixes[0].contains("--cpu v4"));
/// assert_eq!(explanation(Code::DiskFull), None);
/// ```
pub fn explanation(code: Code) -> Option<Explanation> {
    let (because, fixes) = compile_error::explanation(code).or_else(|| check::explanation(code))?;
    Some(Explanation { because, fixes })
}
